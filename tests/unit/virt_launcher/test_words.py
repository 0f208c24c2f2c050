"""libvirt's numbers in our words; only where there is a libvirt."""

from __future__ import annotations

import pytest

libvirt = pytest.importorskip("libvirt")

from tests.unit.virt_launcher import domains  # noqa: E402
from virt_ipc.messages import DiskReport, InterfaceReport, Reason, Status  # noqa: E402
from virt_launcher.adapters import stats, words  # noqa: E402
from virt_launcher.plan.domain import render  # noqa: E402

LIVE = """
<domain>
  <os><type arch='x86_64' machine='pc-q35-11.1'>hvm</type></os>
  <devices>
    <disk><target dev='vda' bus='virtio'/><alias name='ua-root'/></disk>
    <interface>
      <mac address='02:00:00:00:00:01'/><model type='virtio-non-transitional'/><driver queues='2'/>
      <link state='down'/><alias name='ua-default'/>
    </interface>
  </devices>
</domain>
"""


def states() -> list[int]:
    names = "NOSTATE RUNNING BLOCKED PAUSED SHUTDOWN SHUTOFF CRASHED PMSUSPENDED"
    return [getattr(libvirt, f"VIR_DOMAIN_{name}") for name in names.split()]


def test_every_state_has_a_word() -> None:
    assert set(words.STATUS) == set(states())
    assert set(words.STATUS.values()) == set(Status) - {Status.ABSENT}


def test_a_qemu_that_died_is_a_crash() -> None:
    assert words.END[libvirt.VIR_DOMAIN_EVENT_STOPPED_FAILED] is Reason.CRASHED
    assert words.END[libvirt.VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN] is Reason.SHUTDOWN


def test_an_unimportant_reason_is_unknown() -> None:
    assert words.reason(libvirt.VIR_DOMAIN_RUNNING, 99) is Reason.UNKNOWN
    assert words.reason(libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_IOERROR) is Reason.IO_ERROR


def test_live_xml() -> None:
    live = words.Live.read(LIVE)
    assert live.machine == "pc-q35-11.1"
    assert live.disks == [DiskReport(name="root", target="vda", bus="virtio")]
    nic = InterfaceReport(
        name="default", mac="02:00:00:00:00:01", model="virtio-non-transitional", queues=2, link_up=False
    )
    assert live.interfaces == [nic]


def test_a_nic_that_is_called_like_a_disk() -> None:
    who = domains.guest(
        {"interfaces": [{"name": "root", "masquerade": {}}], "inputs": [{"name": "root", "type": "tablet"}]}
    )
    live = words.Live.read(render(domains.given(who)))
    assert ([disk.name for disk in live.disks], [nic.name for nic in live.interfaces]) == (["root"], ["root"])


def test_counters_bear_the_names_of_the_vmi() -> None:
    xml = LIVE.replace("<mac", "<target dev='tap0'/><mac")
    found = {"net.0.name": "tap0", "net.0.rx.bytes": 5, "block.0.name": "vda", "block.1.name": "vdb", "x.y": 1.5}
    told = stats.told(found, xml, 4)
    assert told.devices == {"net.0": "default", "block.0": "root", "block.1": "vdb"}
    assert told.values == {"net.0.rx.bytes": 5, "vcpu.affinities": 4}
