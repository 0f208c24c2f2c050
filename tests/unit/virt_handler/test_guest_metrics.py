"""From libvirt's counters to samples, and from silent launchers to a scrape without them."""

from __future__ import annotations

import asyncio
from typing import Any

from virt_handler.adapters.guest_scrape import SILENT, GuestScrape
from virt_handler.plan.guest_metrics import FileSystem, samples
from virt_ipc.errors import LauncherRefused, LauncherUnreachable, ProtocolError
from virt_ipc.messages import DomainStats
from virt_model.monitoring.row import Sample
from virt_model.monitoring.table import ROWS

VMI: dict[str, Any] = {"metadata": {"namespace": "ns", "name": "a", "labels": {"app.io/x": "web"}}}
VALUES = {
    "cpu.time": 4_510_000_000, "cpu.user": 1_000_000_000, "cpu.system": 500_000_000, "vcpu.affinities": 4,
    "balloon.maximum": 131072, "balloon.current": 131072, "balloon.rss": 2048, "balloon.usable": 1024,
    "balloon.major_fault": 7, "vcpu.current": 2, "vcpu.maximum": 2, "vcpu.0.state": 1, "vcpu.0.time": 2_000_000_000,
    "vcpu.0.wait": 1_000_000_000, "vcpu.1.state": 9, "vcpu.1.time": 0, "net.count": 1, "net.0.rx.bytes": 10,
    "net.0.tx.bytes": 20, "net.0.rx.drop": 1, "block.count": 1, "block.0.rd.reqs": 5, "block.0.fl.times": 250_000_000,
    "migration.data_remaining": 7, "migration.memory_bps": 9, "dirtyrate.megabytes_per_second": 3,
}  # fmt: skip
DEVICES = {"net.0": "default", "block.0": "root"}
GUEST = ("n1", "ns", "a")


def found() -> dict[tuple[str, tuple[str, ...]], float]:
    return {
        (each.row.removeprefix("kubevirt_vmi_"), each.labels): each.value
        for each in samples(VMI, "n1", VALUES, DEVICES)
    }


def test_what_the_agent_tells_is_shown_once() -> None:
    root = FileSystem(disk_name="vda1", mount_point="/", type="ext4", used=3, total=4)
    again = FileSystem(disk_name="vda2", mount_point="/", type="ext4", used=1, total=8)
    empty = FileSystem(disk_name="proc", mount_point="/proc", type="proc", used=0, total=0)
    shown = samples(VMI, "n1", {}, {}, [root, again, empty], [0.5, 1.0, 2.0])
    values = {(each.row.removeprefix("kubevirt_vmi_"), each.labels): each.value for each in shown}
    assert len(shown) == len(values) == 5
    assert values["filesystem_used_bytes", (*GUEST, "vda2", "/", "ext4")] == 1
    assert values["guest_load_15m", GUEST] == 2.0


def test_units_and_labels() -> None:
    values = found()
    assert values["cpu_usage_seconds_total", GUEST] == 4.51
    assert values["memory_domain_bytes", GUEST] == 128 * 1024 * 1024
    assert values["memory_usable_bytes", GUEST] == 1024 * 1024
    assert values["memory_pgmajfault_total", GUEST] == 7
    assert values["vcpu_seconds_total", (*GUEST, "0", "running")] == 2
    assert values["vcpu_seconds_total", (*GUEST, "1", "unknown")] == 0
    assert values["vcpu_wait_seconds_total", (*GUEST, "0")] == 1
    assert values["network_receive_bytes_total", (*GUEST, "default")] == 10
    assert values["network_receive_packets_dropped_total", (*GUEST, "default")] == 1
    assert values["network_traffic_bytes_total", (*GUEST, "default", "tx")] == 20
    assert values["storage_iops_read_total", (*GUEST, "root")] == 5
    assert values["storage_flush_times_seconds_total", (*GUEST, "root")] == 0.25
    assert values["migration_data_remaining_bytes", GUEST] == 7
    assert values["dirty_rate_bytes_per_second", GUEST] == 3 << 20
    assert values["migration_memory_transfer_rate_bytes", GUEST] == 9


def test_what_libvirt_does_not_tell_is_not_shown() -> None:
    assert not [key for key in found() if key[0] in ("memory_unused_bytes", "network_receive_errors_total")]


def test_samples_are_of_the_table_and_carry_the_labels_of_the_vmi() -> None:
    rows = {row.name: row for row in ROWS}
    for each in samples(VMI, "n1", VALUES, DEVICES):
        assert len(each.labels) == len(rows[each.row].labels), each
        assert each.extra == (("kubernetes_vmi_label_app_io_x", "web"),)


def test_a_launcher_cannot_make_us_count_for_ever() -> None:
    lie = {"vcpu.maximum": 1 << 62, "vcpu.0.time": 1}
    assert [each.labels for each in samples(VMI, "n1", lie, {})] == [(*GUEST, "0", "unknown")]


class Launcher:
    """Answers, refuses, or stays silent until `speak` is set."""

    def __init__(self, answer: DomainStats | Exception) -> None:
        self.answer, self.asked, self.speak = answer, 0, asyncio.Event()
        self.speak.set()

    async def stats(self) -> DomainStats:
        self.asked += 1
        await self.speak.wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def scrape(*launchers: Launcher, deadline: float = 5.0) -> GuestScrape:
    guests: Any = [({"metadata": {"namespace": "ns", "name": str(i)}}, each) for i, each in enumerate(launchers)]
    return GuestScrape("n1", lambda: guests, deadline)


def names(found: Any) -> list[str]:
    return [each.labels[2] for each in found if each.row == "kubevirt_vmi_cpu_usage_seconds_total"]


STATS = DomainStats(values={"cpu.time": 1})


async def test_a_silent_launcher_is_missing_and_nothing_else_is() -> None:
    silent = Launcher(STATS)
    silent.speak.clear()
    answers = STATS, LauncherRefused("no guest runs"), ProtocolError("no method stats"), LauncherUnreachable("gone")
    told = await scrape(silent, *map(Launcher, answers), deadline=0.05)()
    assert names(told) == ["1"]
    assert Sample(SILENT, (), 2) in list(told)


async def test_launchers_are_asked_at_once_and_two_scrapes_share_the_answers() -> None:
    launchers = [Launcher(STATS) for _ in range(3)]
    launchers[0].speak.clear()
    source = scrape(*launchers)
    first, second = asyncio.ensure_future(source()), asyncio.ensure_future(source())
    while launchers[2].asked == 0:  # although the first has not answered yet
        await asyncio.sleep(0)
    launchers[0].speak.set()
    assert names(await first) == names(await second) == ["0", "1", "2"]
    assert [each.asked for each in launchers] == [1, 1, 1]
    assert names(await source()) == ["0", "1", "2"]
    assert launchers[0].asked == 2
