"""Overhead, devices, disks and network: the small tables."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from virt_model import devices, disk_rules, network_rules, overhead, paths
from virt_model.conditions import Condition
from virt_model.overhead import MIB, Guest, memory_overhead
from virt_model.phases import Phase
from virt_model.readiness import NO_POD, NOT_RUNNING, TERMINATING, PodReadiness, ready

GIB = 1024 * MIB


def test_a_plain_guest_under_kvm_stays_within_the_goal() -> None:
    assert memory_overhead(Guest(requested_memory=GIB)) <= 116 * MIB


@settings(deadline=None)
@given(st.integers(1, 64), st.integers(0, 64 * GIB), st.booleans(), st.booleans(), st.booleans())
def test_more_of_anything_never_costs_less(vcpus: int, memory: int, emulated: bool, tpm: bool, graphics: bool) -> None:
    guest = Guest(vcpus=vcpus, requested_memory=memory, emulated=emulated, tpm=tpm, graphics=graphics)
    own = memory_overhead(guest)
    bigger = Guest(vcpus=vcpus + 1, requested_memory=memory + 512, emulated=True, tpm=True, graphics=True)
    assert memory_overhead(bigger) > own
    assert memory_overhead(guest, ratio="2") >= 2 * own - 1
    assert memory_overhead(guest, plugins=7) == own + 7


def test_a_ratio_that_is_none_counts_as_one() -> None:
    assert memory_overhead(Guest(), ratio="much") == memory_overhead(Guest())


def test_reserved_overhead_is_taken_as_it_is() -> None:
    assert memory_overhead(Guest(reserved=5 * MIB)) - memory_overhead(Guest()) == 5 * MIB


def test_each_addend_says_why() -> None:
    names = [addend.name for addend in overhead.ADDENDS]
    assert len(names) == len(set(names))
    assert all(addend.why for addend in overhead.ADDENDS)


def test_devices() -> None:
    assert devices.required(emulation=False, nics=True, virtio_nics=True) == (
        devices.KVM,
        devices.TUN,
        devices.VHOST_NET,
    )
    assert devices.required(emulation=True, nics=True, virtio_nics=True) == (devices.TUN,)
    assert devices.required(emulation=False, nics=False, virtio_nics=False) == (devices.KVM,)


def test_disk_letters() -> None:
    assert [disk_rules.target_name("virtio", index) for index in (0, 25, 26, 51, 52, 701, 702)] == [
        "vda",
        "vdz",
        "vdaa",
        "vdaz",
        "vdba",
        "vdzz",
        "vdaaa",
    ]
    mixed = disk_rules.assign_targets([("a", "sata"), ("b", "virtio"), ("c", "scsi"), ("d", "sata")])
    assert mixed == {"a": "sda", "b": "vda", "c": "sdb", "d": "sdc"}
    assert disk_rules.assign_targets([("new", "virtio"), ("old", "virtio")], {"old": "vda"}) == {
        "new": "vdb",
        "old": "vda",
    }


def test_network_names() -> None:
    assert network_rules.pod_interface("any", primary=True) == "eth0"
    assert (network_rules.bridge_name("eth0"), network_rules.tap_name("eth0")) == ("k6t-eth0", "tap0")
    assert network_rules.renamed_nic("eth0") == "eth0-nic"
    second = network_rules.pod_interface("blue", primary=False)
    assert second.startswith("pod") and len(second) == 14
    for made in (
        second,
        network_rules.bridge_name(second),
        network_rules.tap_name(second),
        network_rules.renamed_nic(second),
    ):
        assert len(made) <= 15, "the kernel takes no longer interface names"


def test_paths_of_one_vmi_do_not_meet() -> None:
    assert paths.launcher_socket() == "/var/run/kubevirt/sockets/launcher-sock"
    assert paths.launcher_socket_on_node("/pods", "u").endswith(
        "/u/volumes/kubernetes.io~empty-dir/sockets/launcher-sock"
    )
    own = {paths.serial_socket("u"), paths.serial_log("u"), paths.vnc_socket("u"), paths.alive_lock("u")}
    assert len(own) == 4


def test_readiness() -> None:
    pod_ready = {"type": "Ready", "status": "True"}
    assert ready(Phase.RUNNING, None) is NO_POD
    assert ready(Phase.SCHEDULED, PodReadiness(ready=pod_ready)) is NOT_RUNNING
    assert ready(Phase.RUNNING, PodReadiness(ready=pod_ready)) == pod_ready
    assert ready(Phase.RUNNING, PodReadiness(ready=pod_ready, terminating=True)) is TERMINATING
    assert ready(Phase.SUCCEEDED, PodReadiness(ready=pod_ready, finished=True)) is TERMINATING
    missing = ready(Phase.RUNNING, PodReadiness())
    assert isinstance(missing, Condition) and missing.reason == "PodConditionMissing"
