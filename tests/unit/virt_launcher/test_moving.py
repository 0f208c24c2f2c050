"""A real domain moves, where there is libvirt: from the embedded driver to a receiving libvirtd, then adopted.

The embedded driver can be opened once in a process, so the one that adopts is opened in a process of its own.
"""

from __future__ import annotations

import os
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.unit.virt_launcher.conftest import Embedded
from virt_ipc.errors import LauncherRefused
from virt_ipc.messages import Reason, Status
from virt_ipc.migration import MigrateRequest, MigrationReport, MigrationStage
from virt_model.migration_way import LOOPBACK

if TYPE_CHECKING:
    from virt_launcher.adapters.receiver import Receiver

XML = """
<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>ns_mover</name><memory unit='MiB'>32</memory><vcpu>1</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type></os><features><acpi/></features>
  <devices><controller type='usb' model='none'/><memballoon model='none'/></devices>
  <qemu:commandline>
    <qemu:arg value='-chardev'/><qemu:arg value='socket,id=events,path={events},server=on,wait=off'/>
    <qemu:arg value='-mon'/><qemu:arg value='chardev=events,mode=control'/>
  </qemu:commandline>
</domain>
"""
FINISH = struct.pack(">IIiI", 0x20008086, 1, 306, 0)
"""The head of libvirt's call of that name, the last one of a migration: its answer says that the guest has arrived."""
ADOPT = """
import sys
from virt_launcher.adapters.embed_root import EmbedRoot
from virt_launcher.adapters.hypervisor import Hypervisor
root = EmbedRoot(sys.argv[1])
root.prepare()
root.adopt("ns_mover", sys.argv[2])
hypervisor = Hypervisor(root.uri, "", lambda report: None)
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


class Relay:
    """A port that leads to the receiving libvirtd's socket, until it shall break at the end of a migration."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._listener = socket.create_server((LOOPBACK, 0))
        self.port: int = self._listener.getsockname()[1]
        self.breaks = False
        """The target is asked to finish, and its answer is lost."""
        threading.Thread(target=self._lead, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _lead(self) -> None:
        while True:
            try:
                here, _ = self._listener.accept()
            except OSError:
                return
            there = socket.socket(socket.AF_UNIX)
            there.connect(self._path)
            asked = threading.Event()
            threading.Thread(target=_pump, args=(here, there, self._seen(asked)), daemon=True).start()
            threading.Thread(target=_pump, args=(there, here, self._passes(asked)), daemon=True).start()

    def _passes(self, asked: threading.Event) -> Callable[[bytes], bool]:
        return lambda data: not asked.is_set()

    def _seen(self, asked: threading.Event) -> Callable[[bytes], bool]:
        tail = b""

        def look(data: bytes) -> bool:
            nonlocal tail
            if self.breaks and FINISH in tail + data:
                asked.set()
            tail = data[-len(FINISH) :]
            return True

        return look


def _pump(one: socket.socket, other: socket.socket, goes_on: Callable[[bytes], bool]) -> None:
    try:
        while (data := one.recv(1 << 16)) and goes_on(data):
            other.sendall(data)
        for end in (one, other):
            end.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


@pytest.fixture
def relay(receiving: Path) -> Iterator[Relay]:
    made = Relay(f"{receiving}/gate-sock")
    yield made
    made.close()


DISK = "<disk type='file' device='disk'><source file='{}'/><target dev='vda' bus='virtio'/></disk></devices>"


def test_a_disk_that_libvirt_is_not_sure_of_goes_along_when_it_is_overridden(
    embedded: Embedded, receiving: Path, relay: Relay
) -> None:
    from virt_launcher.adapters.receiver import Receiver

    disk = receiving / "disk"
    disk.write_bytes(bytes(1 << 20))
    there, here = Stages(), Stages()
    plain = XML.format(events=embedded.qemu_events)
    embedded.hypervisor.create(plain.replace("</devices>", DISK.format(disk)), paused=False)
    receiver = Receiver(str(receiving), f"{receiving}/e", "ns_mover", embedded.qemu_events, there.at_target)
    receiver.open()
    embedded.hypervisor.depart(MigrateRequest(migration_uid="unsure", libvirt_port=relay.port), here.at_source)
    assert here.wait(MigrationStage.FAILED).startswith("virError(Code=81, ")
    asked = MigrateRequest(migration_uid="sure", libvirt_port=relay.port, unsafe=True)
    embedded.hypervisor.depart(asked, here.at_source)
    here.wait(MigrationStage.SENT)
    embedded.seen.wait(Status.SHUTOFF, Reason.MIGRATED)
    receiver.destroy()
    receiver.close()


def test_a_guest_stays_when_there_is_no_way_and_moves_when_there_is(
    embedded: Embedded, receiving: Path, relay: Relay, capfd: pytest.CaptureFixture[str]
) -> None:
    from virt_launcher.adapters.receiver import Receiver

    hypervisor, seen, here, there = embedded.hypervisor, embedded.seen, Stages(), Stages()
    before = len(seen.reports)
    hypervisor.create(XML.format(events=embedded.qemu_events), paused=False)
    receiver = Receiver(str(receiving), f"{receiving}/e", "ns_mover", embedded.qemu_events, there.at_target)
    receiver.open()

    hypervisor.depart(MigrateRequest(migration_uid="lost", libvirt_port=1), here.at_source)
    assert here.wait(MigrationStage.FAILED).startswith("virError(Code=38, Domain=7, Message='")
    assert seen.reports[-1].status is Status.RUNNING

    slow = MigrateRequest(migration_uid="called back", libvirt_port=relay.port, bandwidth=1 << 20)
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
    receiver = Receiver(str(receiving), f"{receiving}/e", "ns_mover", embedded.qemu_events, there.at_target)
    receiver.open()
    hypervisor.depart(MigrateRequest(migration_uid="m", libvirt_port=relay.port, connections=8), here.at_source)
    here.wait(MigrationStage.SENT)
    assert "what the migration took" in capfd.readouterr().err, "a launcher may end at any moment after its last word"
    seen.wait(Status.SHUTOFF, Reason.MIGRATED)
    ends = {report.reason for report in seen.reports[before:] if report.status is Status.SHUTOFF}
    assert Reason.UNKNOWN not in ends, "an end for another reason would be taken for a crash"
    assert [stage for stage, _ in there.seen] == [MigrationStage.ARRIVING, MigrationStage.RECEIVED]

    receiver.resume()
    receiver.close()
    command = [sys.executable, "-c", ADOPT, f"{receiving}/e", receiver.state_dir]
    adopted = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert adopted.stdout.strip() == "running", adopted.stderr


class Heard:
    """Listens to QEMU for as long as it lives, also when the attempt is over."""

    def __init__(self, path: str) -> None:
        from virt_launcher.adapters.qemu_events import QemuEvents

        self.moved, self._events = threading.Event(), QemuEvents(path, self._has_moved)
        self.listener = next(thread for thread in threading.enumerate() if thread.name == "qemu-events")

    def _has_moved(self) -> None:
        self.moved.set()

    def close(self) -> None:
        """Not yet."""


@pytest.mark.parametrize("answered", [True, False], ids=["it moves", "it runs on after a break at the very end"])
def test_qemu_itself_says_whether_its_guest_has_moved(
    embedded: Embedded, receiving: Path, relay: Relay, answered: bool
) -> None:
    import libvirt

    from virt_launcher.adapters.departure import Departure
    from virt_launcher.adapters.receiver import Receiver

    here, there = Stages(), Stages()
    embedded.hypervisor.create(XML.format(events=embedded.qemu_events), paused=False)
    receiver = Receiver(str(receiving), f"{receiving}/e", "ns_mover", embedded.qemu_events, there.at_target)
    receiver.open()
    domain = libvirt.open(embedded.uri).lookupByName("ns_mover")
    process = int((Path(embedded.uri.partition("root=")[2]) / "run/qemu/ns_mover.pid").read_text())
    heard = Heard(embedded.qemu_events)
    relay.breaks = not answered
    Departure(domain, MigrateRequest(migration_uid="m", libvirt_port=relay.port), here.at_source, heard, lambda: True)
    if answered:
        here.wait(MigrationStage.SENT)
    else:
        here.wait(MigrationStage.FAILED)
        there.wait(MigrationStage.RECEIVED)
        assert domain.isActive(), "the copy at the target is the past"
        os.kill(process, signal.SIGTERM)
    heard.listener.join(60)
    assert heard.moved.is_set() == answered
    embedded.seen.wait_until(lambda report: report.status is Status.SHUTOFF)
    receiver.destroy()
    receiver.close()


@pytest.fixture
def ahead(relay: Relay) -> MigrateRequest:
    """Too slow, and soon late."""
    if not os.access("/dev/userfaultfd", os.R_OK | os.W_OK):
        pytest.skip("no post-copy without /dev/userfaultfd")
    return MigrateRequest(
        migration_uid="ahead", libvirt_port=relay.port, bandwidth=1 << 20, completion_timeout=5.0,
        allow_post_copy=True, allow_workload_disruption=True,
    )  # fmt: skip


def filled(embedded: Embedded, tmp_path: Path) -> str:
    """The guest, with memory that takes some seconds to send."""
    noise = tmp_path / "noise"
    noise.write_bytes(os.urandom(16 << 20))
    loader = f"loader,file={noise},addr=0x1000000,force-raw=on"
    arguments = "".join(f"<qemu:arg value='{word}'/>" for word in ("-device", loader))
    plain = XML.format(events=embedded.qemu_events)
    return plain.replace("</qemu:commandline>", f"{arguments}</qemu:commandline>")


def awaited(embedded: Embedded, receiving: Path, there: Stages, tmp_path: Path) -> Receiver:
    """The guest runs, and a target waits for it."""
    from virt_launcher.adapters.receiver import Receiver

    embedded.hypervisor.create(filled(embedded, tmp_path), paused=False)
    receiver = Receiver(str(receiving), f"{receiving}/e", "ns_mover", embedded.qemu_events, there.at_target)
    receiver.open()
    return receiver


def test_a_guest_runs_at_the_target_before_all_of_its_memory_is_there(
    embedded: Embedded, receiving: Path, ahead: MigrateRequest, tmp_path: Path
) -> None:
    hypervisor, seen, here, there = embedded.hypervisor, embedded.seen, Stages(), Stages()
    receiver = awaited(embedded, receiving, there, tmp_path)
    departure = hypervisor.depart(ahead, here.at_source)
    here.wait(MigrationStage.SWITCHED)
    there.wait(MigrationStage.SWITCHED)
    assert seen.reports[-1].reason is Reason.POSTCOPY
    departure.abort()  # too late
    for not_any_more in (hypervisor.pause, hypervisor.unpause):
        with pytest.raises(LauncherRefused, match="at another node by now"):
            not_any_more()
    assert MigrationStage.RECEIVED not in {stage for stage, _ in there.seen}
    receiver.run_ahead()
    here.wait(MigrationStage.SENT)
    seen.wait(Status.SHUTOFF, Reason.MIGRATED)
    there.wait(MigrationStage.RECEIVED)
    assert MigrationStage.FAILED not in {stage for stage, _ in (*here.seen, *there.seen)}

    receiver.close()
    command = [sys.executable, "-c", ADOPT, f"{receiving}/e", receiver.state_dir]
    adopted = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert adopted.stdout.strip() == "running", adopted.stderr


def test_what_was_switched_ends_when_the_other_side_is_lost(
    embedded: Embedded, receiving: Path, ahead: MigrateRequest, tmp_path: Path
) -> None:
    hypervisor, seen, here, there = embedded.hypervisor, embedded.seen, Stages(), Stages()
    receiver = awaited(embedded, receiving, there, tmp_path)
    hypervisor.depart(ahead, here.at_source)
    here.wait(MigrationStage.SWITCHED)
    there.wait(MigrationStage.SWITCHED)
    receiver.run_ahead()
    qemu = int(Path(receiver.state_dir, "ns_mover.pid").read_text())
    receiver.close()  # its libvirtd is gone
    receiver.end_qemu()
    here.wait(MigrationStage.FAILED)
    assert seen.reports[-1].status is Status.PAUSED
    with pytest.raises(LauncherRefused, match="at another node by now"):
        hypervisor.unpause()
    hypervisor.kill()
    seen.wait(Status.SHUTOFF, Reason.DESTROYED)
    assert not Path(f"/proc/{qemu}").exists() or "State:\tZ" in Path(f"/proc/{qemu}/status").read_text()


def test_a_break_at_the_switch_leaves_it_running_here_or_lost(
    embedded: Embedded, receiving: Path, ahead: MigrateRequest, tmp_path: Path
) -> None:
    hypervisor, seen, here, there = embedded.hypervisor, embedded.seen, Stages(), Stages()
    receiver = awaited(embedded, receiving, there, tmp_path)
    hypervisor.depart(ahead, here.at_source)
    there.wait(MigrationStage.SWITCHED)  # the source may not have heard of it
    receiver.close()
    receiver.end_qemu()
    here.wait(MigrationStage.FAILED)
    lost = hypervisor._departure.has_switched
    seen.wait_until(lambda report: report.status is (Status.PAUSED if lost else Status.RUNNING))
    hypervisor.kill()
    seen.wait(Status.SHUTOFF, Reason.DESTROYED)
