"""What is measured of VMs and VMIs, from the objects as they are."""

from __future__ import annotations

from typing import Any

import pytest

from virt_controller.plan import vm_metrics, vmi_metrics
from virt_controller.plan.vm_metrics import GROUP_OF, LabelFilter
from virt_model.monitoring.row import Sample
from virt_model.monitoring.table import ROWS
from virt_model.phases import PrintableStatus
from virt_model.seen import Pod, Vm, Vmi

Json = dict[str, Any]
WIDTH = {row.name: len(row.labels) for row in ROWS}
CREATED, TURNED, TURNED_SECONDS = "2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z", 1767225660.0
SPEC: Json = {
    "domain": {
        "machine": {"type": "q35"},
        "cpu": {"cores": 2, "sockets": 3, "threads": 1},
        "memory": {"guest": "128Mi"},
        "resources": {"requests": {"cpu": "1500m"}, "limits": {"memory": "1Gi", "cpu": 2}},
        "devices": {"interfaces": [{"name": "default", "masquerade": {}}, {"name": "lost", "bridge": {}}]},
    },
    "networks": [{"name": "default", "pod": {}}],
    "volumes": [{"name": "root", "persistentVolumeClaim": {"claimName": "c"}}, {"name": "x", "emptyDisk": {}}],
}
ADDRESSED: Json = {"name": "default", "interfaceName": "eth0", "ipAddress": "10.0.0.1"}
CLAIM: Json = {"spec": {"volumeMode": "Block", "resources": {"requests": {"storage": "1Gi"}}}}


def vm(status: str = "Running", spec: Json | None = None) -> Vm:
    template = {"metadata": {"annotations": {"vm.kubevirt.io/os": "debian"}}, "spec": SPEC if spec is None else spec}
    conditions = [
        {"type": "Ready", "status": "True", "lastTransitionTime": TURNED},
        {"type": "LiveMigratable", "status": "True", "lastTransitionTime": "2030-01-01T00:00:00Z"},
    ]
    return Vm(
        {
            "metadata": {"namespace": "ns", "name": "a", "creationTimestamp": CREATED, "labels": {"app.io/x": "1"}},
            "spec": {"template": template, "preference": {"name": "p"}},
            "status": {"printableStatus": status, "conditions": conditions},
        }
    )


def of_vm(machine: Vm, shows: LabelFilter | None = None) -> list[Sample]:
    return vm_metrics.samples(machine, {"ns/c": CLAIM}.get, shows or LabelFilter(None))


def one(found: list[Sample], row: str) -> Sample:
    (only,) = (each for each in found if each.row == row)
    return only


def table(found: list[Sample], row: str) -> dict[tuple[str, ...], float]:
    return {each.labels: each.value for each in found if each.row == row}


def test_every_sample_fits_its_row() -> None:
    for each in (*of_vm(vm()), *of_vm(vm(spec={})), *of_vmi(vmi()), *of_vmi(Vmi({"metadata": {}}))):
        assert len(each.labels) == WIDTH[each.row], each


def test_what_a_vm_is() -> None:
    found = of_vm(vm("Stopped"))
    assert one(found, "kubevirt_vm_info").labels == (
        "a", "ns", "debian", "", "", "q35", "", "<other>", "stopped", "non_running",
    )  # fmt: skip
    assert one(found, "kubevirt_vm_create_date_timestamp_seconds").value == 1767225600
    assert one(found, "kubevirt_vm_labels").extra == (("label_app_io_x", "1"),)
    assert table(found, "kubevirt_vm_vnic_info") == {
        ("a", "ns", "default", "core", "pod networking", "masquerade", "<none>"): 1
    }
    assert table(found, "kubevirt_vm_disk_allocated_size_bytes") == {("a", "ns", "c", "Block", "root"): 1 << 30}


def test_only_the_present_group_has_a_time() -> None:
    found = of_vm(vm("Running"))
    for group in ("starting", "migrating", "non_running", "error"):
        assert one(found, f"kubevirt_vm_{group}_status_last_transition_timestamp_seconds").value == 0
    assert one(found, "kubevirt_vm_running_status_last_transition_timestamp_seconds").value == TURNED_SECONDS


def test_every_status_is_in_a_group() -> None:
    assert set(GROUP_OF) == set(PrintableStatus)


def test_what_a_vm_asks_for() -> None:
    found = of_vm(vm())
    asked = {labels[2:]: value for labels, value in table(found, "kubevirt_vm_resource_requests").items()}
    assert asked == {
        ("memory", "bytes", "guest"): 1 << 27, ("memory", "bytes", "guest_effective"): 1 << 27,
        ("cpu", "cores", "domain"): 2, ("cpu", "sockets", "domain"): 3, ("cpu", "threads", "domain"): 1,
        ("cpu", "cores", "requests"): 1.5, ("cpu", "cores", "guest_effective"): 6,
    }  # fmt: skip
    limits = {labels[2:]: value for labels, value in table(found, "kubevirt_vm_resource_limits").items()}
    assert limits == {("memory", "bytes"): 1 << 30, ("cpu", "cores"): 2}


def test_a_vm_that_says_nothing_has_one_cpu() -> None:
    asked = table(of_vm(vm(spec={"domain": {}})), "kubevirt_vm_resource_requests")
    assert {labels[2:] for labels in asked} == {
        ("cpu", "cores", "default"), ("cpu", "threads", "default"), ("cpu", "sockets", "default"),
        ("cpu", "cores", "guest_effective"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        ({}, {"a", "b"}),
        ({"allowlist": "a, c"}, {"a"}),
        ({"ignorelist": "a"}, {"b"}),
        ({"allowlist": "*", "ignorelist": "b"}, {"a"}),
        ({"allowlist": ""}, set()),
    ],
)
def test_which_labels_are_shown(data: dict[str, str], shown: set[str]) -> None:
    shows = LabelFilter({"data": data})
    assert {key for key in ("a", "b") if shows(key)} == shown


def vmi(strategy: str = "", migratable: str = "True") -> Vmi:
    return Vmi(
        {
            "metadata": {
                "namespace": "ns",
                "name": "a",
                "uid": "u",
                "creationTimestamp": CREATED,
                "annotations": {"vm.kubevirt.io/flavor": "small", "kubevirt.io/cluster-instancetype-name": "t"},
            },
            "spec": {**SPEC, **({"evictionStrategy": strategy} if strategy else {})},
            "status": {
                "phase": "Running",
                "nodeName": "n1",
                "machine": {"type": "pc-q35-11.1"},
                "guestOSInfo": {"name": "Debian", "machine": "x86_64", "versionId": "13", "kernelRelease": "6.12"},
                "memory": {"memoryOverhead": "1Mi"},
                "conditions": [{"type": "LiveMigratable", "status": migratable}],
                "interfaces": [ADDRESSED, {"name": "b"}, {}],
            },
        }
    )


PODS = (
    Pod({"metadata": {"name": "old"}, "spec": {"nodeName": "n0"}, "status": {"phase": "Running"}}),
    Pod({"metadata": {"name": "new"}, "spec": {"nodeName": "n1"}, "status": {"phase": "Running"}}),
)


def of_vmi(machine: Vmi, cluster_strategy: str = "None") -> list[Sample]:
    return vmi_metrics.samples(machine, PODS, cluster_strategy)


def test_what_a_vmi_is() -> None:
    found = of_vmi(vmi())
    assert one(found, "kubevirt_vmi_info").labels == (
        "n1", "ns", "a", "running", "", "", "small", "<other>", "", "6.12", "pc-q35-11.1", "x86_64", "Debian", "13",
        "true", "false", "new",
    )  # fmt: skip
    assert table(found, "kubevirt_vmi_status_addresses") == {
        ("n1", "ns", "a", "default", "eth0", "10.0.0.1", "ExternalInterface"): 1,
        ("n1", "ns", "a", "b", "", "", "SystemInterface"): 1,
    }
    assert one(found, "kubevirt_vmi_launcher_memory_overhead_bytes").value == 1 << 20


@pytest.mark.parametrize(
    ("strategy", "cluster", "migratable", "stuck"),
    [
        ("LiveMigrate", "None", "False", 1),
        ("LiveMigrate", "None", "True", 0),
        ("", "LiveMigrate", "False", 1),
        ("None", "LiveMigrate", "False", 0),
        ("LiveMigrateIfPossible", "None", "False", 0),
        ("External", "LiveMigrate", "False", 0),
    ],
)
def test_what_a_drain_waits_for(strategy: str, cluster: str, migratable: str, stuck: int) -> None:
    assert one(of_vmi(vmi(strategy, migratable), cluster), "kubevirt_vmi_non_evictable").value == stuck


def moved(deleted: bool = False, *steps: tuple[str, int]) -> Vmi:
    stamps = [{"phase": phase, "phaseTransitionTimestamp": f"2026-01-01T00:00:{at:02d}Z"} for phase, at in steps]
    metadata = {"creationTimestamp": CREATED} | ({"deletionTimestamp": "2026-01-01T00:00:09Z"} if deleted else {})
    return Vmi({"metadata": metadata, "status": {"phase": steps[-1][0], "phaseTransitionTimestamps": stamps}})


def times(old: Vmi, new: Vmi) -> dict[tuple[str, ...], float]:
    return {(took.row.rpartition("time_")[2], *took.labels): took.value for took in vmi_metrics.transitions(old, new)}


def test_how_long_phases_took() -> None:
    steps = ("Pending", 1), ("Scheduling", 2), ("Running", 7), ("Succeeded", 12)
    assert times(moved(False, *steps[:2]), moved(False, *steps[:3])) == {
        ("seconds", "Running", "Scheduling"): 5,
        ("from_creation_seconds", "Running"): 7,
    }
    assert times(moved(False, *steps[:3]), moved(True, *steps)) == {
        ("seconds", "Succeeded", "Running"): 5,
        ("from_creation_seconds", "Succeeded"): 12,
        ("from_deletion_seconds", "Succeeded"): 3,
    }
    assert times(moved(False, *steps[:3]), moved(False, *steps[:3])) == {}
