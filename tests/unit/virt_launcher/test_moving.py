"""A real domain moves, where there is libvirt: from the embedded driver to a receiving libvirtd, then adopted.

The embedded driver can be opened once in a process, so the one that adopts is opened in a process of its own.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.virt_launcher.conftest import Embedded
from virt_ipc.errors import LauncherRefused
from virt_ipc.messages import MigrateRequest, MigrationReport, MigrationStage, Reason, Status
from virt_model.migration_way import LOOPBACK

XML = """
<domain type='qemu'><name>ns_mover</name><memory unit='MiB'>32</memory><vcpu>1</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type></os><features><acpi/></features>
  <devices><controller type='usb' model='none'/><memballoon model='none'/></devices>
</domain>
"""
ADOPT = """
import sys
from virt_launcher.adapters.embed_root import EmbedRoot
from virt_launcher.adapters.hypervisor import Hypervisor
root = EmbedRoot(sys.argv[1])
root.prepare()
root.adopt("ns_mover", sys.argv[2])
hypervisor = Hypervisor(root.uri, lambda report: None)
print(hypervisor.adopt("ns_mover", paused=False).status)
hypervisor.kill()
"""


class Stages:
    """What was told, in its order, and a way to wait for one."""

    def __init__(self) -> None:
        self._news = threading.Condition()
        self.seen: list[tuple[MigrationStage, str]] = []

    def at_target(self, stage: MigrationStage, error: str) -> None:
        with self._news:
            self.seen.append((stage, error))
            self._news.notify_all()

    def at_source(self, report: MigrationReport) -> None:
        self.at_target(report.stage, report.error)

    def wait(self, stage: MigrationStage) -> str:
        """What was said with it."""
        with self._news:
            assert self._news.wait_for(lambda: any(seen is stage for seen, _ in self.seen), 60), self.seen
            return next(error for seen, error in self.seen if seen is stage)


@pytest.fixture
def receiving(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The receiving libvirtd's directory, of a short name: QEMU's sockets are deep in it."""
    return tmp_path_factory.mktemp("r")


@pytest.fixture
def relay(receiving: Path) -> Iterator[int]:
    """A port that leads to the receiving libvirtd's socket."""
    listener = socket.create_server((LOOPBACK, 0))
    threading.Thread(target=lead, args=[listener, f"{receiving}/libvirt-sock"], daemon=True).start()
    yield listener.getsockname()[1]
    listener.close()


def lead(listener: socket.socket, path: str) -> None:
    while True:
        try:
            here, _ = listener.accept()
        except OSError:
            return
        there = socket.socket(socket.AF_UNIX)
        there.connect(path)
        for pair in ((here, there), (there, here)):
            threading.Thread(target=pump, args=pair, daemon=True).start()


def pump(one: socket.socket, other: socket.socket) -> None:
    try:
        while data := one.recv(1 << 16):
            other.sendall(data)
        other.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


def test_a_guest_stays_when_there_is_no_way_and_moves_when_there_is(
    embedded: Embedded, receiving: Path, relay: int
) -> None:
    from virt_launcher.adapters.receiver import Receiver

    hypervisor, seen, here, there = embedded.hypervisor, embedded.seen, Stages(), Stages()
    before = len(seen.reports)
    hypervisor.create(XML, paused=False)
    receiver = Receiver(str(receiving), f"{receiving}/e", "ns_mover", there.at_target)
    receiver.open()

    hypervisor.depart(MigrateRequest(migration_uid="lost", libvirt_port=1), here.at_source)
    assert here.wait(MigrationStage.FAILED).startswith("virError(Code=38, Domain=7, Message='")
    assert seen.reports[-1].status is Status.RUNNING

    slow = MigrateRequest(migration_uid="called back", libvirt_port=relay, bandwidth=1 << 20)
    back = Stages()
    departure = hypervisor.depart(slow, back.at_source)
    there.wait(MigrationStage.ARRIVING)
    for not_now in (hypervisor.reset, hypervisor.soft_reboot):
        with pytest.raises(LauncherRefused, match="on its way to another node"):
            not_now()
    hypervisor.pause()
    departure.abort()
    back.wait(MigrationStage.FAILED)  # where libvirt by itself lets the guest run again
    seen.wait_until(lambda report: report.status is Status.PAUSED and bool(report.held))
    hypervisor.unpause()
    seen.wait_until(lambda report: report.status is Status.RUNNING and report.held is False)
    receiver.close()

    there = Stages()
    receiver = Receiver(str(receiving), f"{receiving}/e", "ns_mover", there.at_target)
    receiver.open()
    hypervisor.depart(MigrateRequest(migration_uid="m", libvirt_port=relay), here.at_source)
    here.wait(MigrationStage.SENT)
    seen.wait(Status.SHUTOFF, Reason.MIGRATED)
    ends = {report.reason for report in seen.reports[before:] if report.status is Status.SHUTOFF}
    assert Reason.UNKNOWN not in ends, "an end for another reason would be taken for a crash"
    assert [stage for stage, _ in there.seen] == [MigrationStage.ARRIVING, MigrationStage.RECEIVED]

    receiver.resume()
    receiver.close()
    command = [sys.executable, "-c", ADOPT, f"{receiving}/e", receiver.state_dir]
    adopted = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert adopted.stdout.strip() == "running", adopted.stderr
