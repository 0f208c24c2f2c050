"""A real domain in libvirt's embedded driver, where there is one: created, paused, killed, and its end reported.

The guest is a disk of zeroes: its firmware runs, and that is all that counts here.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from tests.unit.virt_launcher.conftest import Embedded
from virt_ipc.errors import LauncherRefused
from virt_ipc.messages import PanicReport, Reason, Status
from virt_launcher.plan import dirty_rate

XML = """
<domain type='qemu'><name>ns_a</name><memory unit='MiB'>32</memory><vcpu>1</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type></os><features><acpi/></features>
  <devices><controller type='usb' model='none'/><memballoon model='none'/></devices>
</domain>
"""

PANICS = bytes.fromhex("ba0505 b001 ee f4 ebfd")
"""A boot sector's program: 1 goes to the port of the panic device, and then nothing more."""


def test_a_life(embedded: Embedded) -> None:
    hypervisor, seen = embedded.hypervisor, embedded.seen
    with pytest.raises(LauncherRefused, match="libvirt: "):
        hypervisor.create(XML.replace("q35", "abacus"), paused=False)
    assert seen.reports == []
    report = hypervisor.create(XML, paused=True)
    assert report.status is Status.PAUSED and report.machine_type.startswith("pc-q35-")
    hypervisor.unpause()
    seen.wait(Status.RUNNING, Reason.UNPAUSED)
    stats = hypervisor.stats()
    assert stats.values["vcpu.current"] == 1 and stats.values["cpu.time"] > 0 and stats.values["balloon.rss"] > 0
    assert stats.values["vcpu.affinities"] >= 1
    assert dirty_rate.NAME not in stats.values
    until = time.monotonic() + 30
    while dirty_rate.NAME not in hypervisor.stats().values:
        assert time.monotonic() < until
        threading.Event().wait(0.2)
    hypervisor.answer()
    hypervisor.pause()
    hypervisor.pause()
    seen.wait(Status.PAUSED, Reason.USER)
    hypervisor.unpause()
    hypervisor.kill()
    seen.wait(Status.SHUTOFF, Reason.DESTROYED)
    hypervisor.kill()
    hypervisor.shutdown()
    hypervisor.answer()
    for nobody_is_there in (hypervisor.stats, hypervisor.reset, hypervisor.soft_reboot):
        with pytest.raises(LauncherRefused, match="no guest runs"):
            nobody_is_there()
    assert {report.reason for report in seen.reports if report.status is Status.SHUTOFF} == {Reason.DESTROYED}


def test_a_panic_is_told_and_ends_the_guest(embedded: Embedded, tmp_path: Path) -> None:
    hypervisor, seen = embedded.hypervisor, embedded.seen
    disk = tmp_path / "boots.img"
    disk.write_bytes(PANICS.ljust(510, b"\0") + b"\x55\xaa" + bytes(1 << 20))
    device = f"<disk type='file'><source file='{disk}'/><target dev='sda' bus='sata'/></disk><panic model='isa'/>"
    hypervisor.create(XML.replace("ns_a", "ns_b").replace("</devices>", f"{device}</devices>"), paused=False)
    seen.wait(Status.SHUTOFF, Reason.CRASHED)
    assert seen.reports[-1].panic == PanicReport()
