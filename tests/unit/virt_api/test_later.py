"""Actions of capabilities that are not there: every one says what is wrong with the request first."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from virt_api.plan.later import OF_VM, OF_VMI, OF_VMI_TO_READ, Asked
from virt_api.plan.moves import evacuation_called_off, migration_of
from virt_api.plan.options import EvacuateCancelOptions, MigrateOptions
from virt_api.plan.status import CallFailed, Failure
from virt_model.config import ClusterConfig

TABLES = {"vm": OF_VM, "vmi": OF_VMI, "read": OF_VMI_TO_READ}
VMI = "virtualmachineinstance.kubevirt.io"
CONFLICT = f'Operation cannot be fulfilled on {VMI} "x": '
SPEC = {"volumes": [{"name": "root", "containerDisk": {}}, {"name": "hot", "dataVolume": {"hotpluggable": True}}]}
VM = {"metadata": {"name": "x", "namespace": "n"}, "spec": {"template": {"spec": SPEC}}}
DISK = {"name": "hot2", "disk": {"disk": {}}, "volumeSource": {"dataVolume": {"name": "d"}}}
OWNED = {"ownerReferences": [{"kind": "VirtualMachine", "name": "x"}]}
ALL = ClusterConfig(gates_on=frozenset({"IncrementalBackup"}))
NONE = ClusterConfig(gates_off=frozenset({"WorkloadEncryptionSEV"}))


def vmi(phase: str = "Running", **metadata: Any) -> dict[str, Any]:
    return {"metadata": {"name": "x", "namespace": "n", **metadata}, "spec": SPEC, "status": {"phase": phase}}


def refusal(
    where: str, action: str, body: Any = None, *, vmi: Any = None, vm: Any = None, config: ClusterConfig = ALL
) -> Failure:
    data = b"" if body is None else msgspec.json.encode(body)
    with pytest.raises(CallFailed) as caught:
        TABLES[where][action](Asked(name="x", body=data, config=config, vm=vm, vmi=vmi))
    return caught.value.failure


@pytest.mark.parametrize(
    ("action", "body", "message"),
    [
        ("addvolume", None, "AddVolumeOptions requires name to be set"),
        ("addvolume", {"name": "a"}, "AddVolumeOptions requires disk to not be nil"),
        ("addvolume", {"name": "a", "disk": {"disk": {}}}, "AddVolumeOptions requires VolumeSource to not be nil"),
        (
            "addvolume",
            {**DISK, "name": "root"},
            "Unable to add volume [root] because volume with that name already exists",
        ),
        ("addvolume", DISK, "Unable to Add Volume: hot-plugged volumes are not supported yet"),
        ("removevolume", {}, "RemoveVolumeOptions requires name to be set"),
        ("removevolume", {"name": "a"}, "Unable to remove volume [a] because it does not exist"),
        ("removevolume", {"name": "root"}, "Unable to remove volume [root] because it is not hotpluggable"),
        ("removevolume", {"name": "hot"}, "Unable to Remove Volume: hot-plugged volumes are not supported yet"),
    ],
)
def test_volumes(action: str, body: Any, message: str) -> None:
    for failure in (refusal("vm", action, body, vm=VM), refusal("vmi", action, body, vmi=vmi())):
        assert (failure.code, failure.reason, failure.message) == (400, "BadRequest", message)


def test_a_vms_guest_gets_its_volumes_through_the_vm() -> None:
    failure = refusal("vmi", "addvolume", DISK, vmi=vmi(**OWNED))
    assert (failure.code, failure.message) == (400, "VMI n/x is owned by a VM")


@pytest.mark.parametrize(
    ("where", "action", "body", "seen", "code", "message"),
    [
        ("vmi", "addvolume", DISK, None, 404, f'{VMI} "x" not found'),
        ("vm", "memorydump", {}, vmi(), 400, "Memory dump requires claim name to be set"),
        ("vm", "memorydump", {"claimName": "c"}, None, 404, f'{VMI} "x" not found'),
        ("vm", "memorydump", {"claimName": "c"}, vmi("Pending"), 409, f"{CONFLICT}VMI is not running"),
        (
            "vm",
            "memorydump",
            {"claimName": "c"},
            vmi(),
            400,
            "Unable to memory dump: memory dumps are not supported yet",
        ),
        ("vmi", "backup", {}, None, 404, f'{VMI} "x" not found'),
        ("vmi", "backup", {}, vmi(), 400, "Unable to back up: incremental backup is not supported yet"),
        ("vmi", "redefine-checkpoint", {}, vmi(), 400, "Unable to back up: incremental backup is not supported yet"),
        (
            "vmi",
            "sev/setupsession",
            None,
            vmi(),
            400,
            "Request with no body: SEV session parameters are required",
        ),
        ("vmi", "sev/setupsession", {"dhCert": "x"}, vmi(), 400, "Session blob is required"),
        ("vmi", "sev/setupsession", {"session": "x"}, vmi(), 400, "DH cert is required"),
        (
            "vmi",
            "sev/setupsession",
            {"session": "x", "dhCert": "x"},
            vmi(),
            409,
            f"{CONFLICT}VMI is not in Scheduled phase",
        ),
        (
            "vmi",
            "sev/setupsession",
            {"session": "x", "dhCert": "x"},
            vmi("Scheduled"),
            409,
            f"{CONFLICT}Attestation not requested for VMI",
        ),
        (
            "vmi",
            "sev/injectlaunchsecret",
            None,
            vmi(),
            400,
            "Request with no body: SEV secret parameters are required",
        ),
        ("vmi", "sev/injectlaunchsecret", {}, vmi("Pending"), 409, f"{CONFLICT}VMI is not running"),
        ("vmi", "sev/injectlaunchsecret", {}, vmi(), 409, f"{CONFLICT}Attestation not requested for VMI"),
    ],
)
def test_refusals(where: str, action: str, body: Any, seen: Any, code: int, message: str) -> None:
    failure = refusal(where, action, body, vmi=seen, vm=VM if where == "vm" else None)
    assert (failure.code, failure.message) == (code, message)
    assert not failure.as_text


def test_a_dump_that_there_is_not() -> None:
    failure = refusal("vm", "removememorydump", vm=VM)
    assert failure.code == 409
    assert failure.message.endswith("can't remove memory dump association for vm x, no association found")


@pytest.mark.parametrize("action", OF_VMI_TO_READ)
def test_reading_an_attestation_fails_as_text(action: str) -> None:
    for seen, words in (
        (vmi(), f"{CONFLICT}Attestation not requested for VMI"),
        (vmi("Pending"), f"{CONFLICT}VMI is not running"),
        (None, f'{VMI} "x" not found'),
    ):
        failure = refusal("read", action, vmi=seen)
        assert (failure.code, failure.as_text, failure.message) == (500, True, words)


@pytest.mark.parametrize(
    ("where", "action", "gate"),
    [
        ("vmi", "backup", "IncrementalBackup"),
        ("vmi", "redefine-checkpoint", "IncrementalBackup"),
        ("vmi", "sev/setupsession", "WorkloadEncryptionSEV"),
        ("vmi", "sev/injectlaunchsecret", "WorkloadEncryptionSEV"),
        ("read", "sev/fetchcertchain", "WorkloadEncryptionSEV"),
    ],
)
def test_gates_come_first(where: str, action: str, gate: str) -> None:
    failure = refusal(where, action, config=NONE)
    assert (failure.code, failure.message) == (400, f"'{gate}' feature gate is not enabled")


@pytest.mark.parametrize("action", ["addvolume", "removevolume", "memorydump"])
def test_a_body_that_is_none(action: str) -> None:
    with pytest.raises(CallFailed) as caught:
        OF_VM[action](Asked(name="x", body=b"[", config=ALL, vm=VM, vmi=None))
    assert caught.value.failure.message.startswith("Can not unmarshal Request body to struct, error: ")


def test_a_migration_that_is_asked_for() -> None:
    wanted = migration_of(vmi(), MigrateOptions(added_node_selector={"zone": "a"}))
    assert wanted["metadata"] == {"generateName": "kubevirt-migrate-vm-"}
    assert wanted["spec"] == {"vmiName": "x", "addedNodeSelector": {"zone": "a"}}
    with pytest.raises(CallFailed) as caught:
        migration_of(vmi("Scheduled"), MigrateOptions())
    assert caught.value.failure.message == (
        'Operation cannot be fulfilled on virtualmachine.kubevirt.io "x": VM is not running'
    )


def test_an_evacuation_is_called_off_for_the_node_that_was_meant() -> None:
    options = EvacuateCancelOptions(evacuation_node_name="node1")
    assert evacuation_called_off(vmi(), options) == ()
    leaving = {**vmi(), "status": {"evacuationNodeName": "node2"}}
    path = "/status/evacuationNodeName"
    assert evacuation_called_off(leaving, options) == (
        {"op": "test", "path": path, "value": "node1"},
        {"op": "remove", "path": path},
    )
