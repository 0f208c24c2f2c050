"""What libvirt is told when a guest leaves, and when the attempt is given up."""

from __future__ import annotations

from msgspec.structs import replace

from virt_ipc.migration import MigrateRequest
from virt_launcher.plan import departure

REQUEST = MigrateRequest(migration_uid="m", libvirt_port=40123)
XML = """
<domain><devices>
  <disk type='file' device='disk'><target dev='vda' bus='virtio'/></disk>
  <disk type='file' device='cdrom'><target dev='sda' bus='sata'/><readonly/></disk>
  <disk type='file' device='disk'><target dev='vdb' bus='virtio'/><readonly/></disk>
  <disk type='block' device='disk'><target dev='vdc' bus='virtio'/></disk>
  <disk type='file' device='disk'><target dev='vdd' bus='virtio'/></disk>
</devices></domain>
"""


def test_what_can_be_written_in_the_pod_is_copied() -> None:
    assert departure.local_disks(XML) == ["vda", "vdd"]


def test_the_plain_case_tells_libvirt_no_more_than_the_way() -> None:
    assert departure.destination(REQUEST) == "qemu+tcp://127.0.0.2:40123/session"
    assert departure.flags(REQUEST, []) == ["PEER2PEER", "LIVE", "PAUSED"]
    assert departure.parameters(REQUEST, []) == {
        "migrate_uri": "tcp://127.0.0.2:49152",
        "listen_address": "127.0.0.2",
    }


def test_every_choice_reaches_libvirt() -> None:
    request = replace(REQUEST, bandwidth=64 << 20, auto_converge=True, unsafe=True, connections=4)
    assert departure.flags(request, ["vda"]) == [
        "PEER2PEER",
        "LIVE",
        "PAUSED",
        "NON_SHARED_INC",
        "UNSAFE",
        "AUTO_CONVERGE",
        "PARALLEL",
    ]
    assert departure.parameters(request, ["vda"]) == {
        "migrate_uri": "tcp://127.0.0.2:49152",
        "listen_address": "127.0.0.2",
        "migrate_disks": ["vda"],
        "disks_uri": "tcp://127.0.0.2:49153",
        "bandwidth": 64,
        "parallel.connections": 4,
    }


def test_a_bandwidth_below_libvirts_unit_is_not_unlimited() -> None:
    assert departure.parameters(replace(REQUEST, bandwidth=1000), [])["bandwidth"] == 1


def test_the_guest_may_stand_longer_with_each_round_and_never_longer_than_it_may() -> None:
    request = replace(REQUEST, max_downtime_ms=900)
    assert [departure.downtime_ms(request, rounds) for rounds in range(9)] == [50, 50, 50, 100, 200, 400, 800, 900, 900]
    assert departure.downtime_ms(request, 10**9) == 900
    assert departure.downtime_ms(replace(REQUEST, max_downtime_ms=40), 1) == 40


def test_the_attempt_is_given_up_when_the_time_is_over() -> None:
    request = replace(REQUEST, completion_timeout=150.0)
    progress = departure.Progress(began=100.0)
    assert departure.given_up(request, progress, 250.0) == ""
    assert departure.given_up(request, progress, 250.1) == (
        "Live migration is not completed after 150 seconds and has been aborted"
    )


def test_the_attempt_is_given_up_when_what_remains_never_becomes_less() -> None:
    request = replace(REQUEST, progress_timeout=10.0)
    progress = departure.Progress(began=100.0).seen(500, 101.0).seen(400, 105.0).seen(450, 114.0).seen(400, 115.0)
    assert departure.given_up(request, progress, 115.0) == ""
    assert "stuck for 10 seconds" in departure.given_up(request, progress, 115.1)
    assert departure.given_up(request, progress.seen(399, 115.1), 125.0) == ""


def test_a_guest_that_may_be_disturbed_stands_still_when_the_time_is_over_and_gets_as_much_again() -> None:
    request = replace(REQUEST, completion_timeout=150.0, allow_workload_disruption=True)
    progress = departure.Progress(began=100.0)
    assert not departure.overdue(request, progress, 250.0)
    assert departure.overdue(request, progress, 250.1)
    assert not departure.overdue(replace(request, allow_workload_disruption=False), progress, 250.1)
    assert not departure.overdue(replace(request, completion_timeout=0.0), progress, 1e9)
    standing = replace(progress, standing=True)
    assert not departure.overdue(request, standing, 250.1)
    assert departure.given_up(request, standing, 400.0) == ""
    assert "not completed after 300 seconds" in departure.given_up(request, standing, 400.1)


def test_no_timeout_is_for_ever() -> None:
    assert departure.given_up(REQUEST, departure.Progress(began=0.0), 1e9) == ""


def test_rates_are_bytes_and_downtime_is_what_qemu_expects() -> None:
    stats = {
        "data_total": 100, "data_processed": 60, "data_remaining": 40, "memory_bps": 7, "disk_bps": 2, "downtime": 300,
        "memory_dirty_rate": 3, "memory_page_size": 4096,
    }  # fmt: skip
    told = departure.progress(stats)
    assert (told["transfer_rate"], told["dirty_rate"], told["expected_downtime_ms"]) == (9, 3 * 4096, 300)
    counted = departure.counters(stats)
    assert (counted["migration.data_remaining"], counted["migration.memory_bps"]) == (40, 7)
    assert counted["migration.memory_dirty_rate"] == 3 * 4096


def test_the_outcome_tells_what_libvirt_knows_and_no_more() -> None:
    stats = {"operation": 5, "time_elapsed": 1800, "downtime": 62, "data_processed": 7 << 20, "memory_bps": 9}
    assert departure.outcome(stats) == {"total_ms": 1800, "downtime_ms": 62, "sent_bytes": 7 << 20}


def test_a_guest_that_may_be_switched_is_and_then_nothing_is_taken_back() -> None:
    request = replace(
        REQUEST, completion_timeout=150.0, progress_timeout=10.0, allow_workload_disruption=True, allow_post_copy=True,
        bandwidth=64 << 20,
    )  # fmt: skip
    assert departure.flags(request, []) == ["PEER2PEER", "LIVE", "POSTCOPY"], "libvirt takes no PAUSED beside it"
    told = departure.parameters(request, [])
    assert (told["bandwidth"], told["bandwidth.postcopy"]) == (64, 64)
    progress = departure.Progress(began=100.0).seen(500, 249.0)
    assert departure.overdue(request, progress, 250.1)
    assert departure.given_up(request, progress, 250.1) == "", "it is tried again"
    switching = replace(progress, switching=True)
    assert not departure.overdue(request, switching, 1e9)
    assert departure.given_up(request, switching, 1e9) == ""
    assert departure.goes_on(switched=False) and not departure.goes_on(switched=True)
