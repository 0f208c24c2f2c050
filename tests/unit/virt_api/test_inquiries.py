"""Expansion and object graph of VMs: what is answered, and the reasons why not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from api.meta import LabelSelector
from virt_api.plan.expand import expanded, expanded_manifest
from virt_api.plan.object_graph import Options, of_vm, of_vmi
from virt_api.plan.status import CallFailed, Failure
from virt_model import names

TEMPLATE: dict[str, Any] = {"spec": {"domain": {"devices": {}}}}


def vm(**spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachine",
        "metadata": {"name": "x", "namespace": "ns"},
        "spec": {"runStrategy": "Halted", "template": TEMPLATE, **spec},
    }


def failed(call: Any, *arguments: Any) -> Failure:
    with pytest.raises(CallFailed) as caught:
        call(*arguments)
    return caught.value.failure


def test_a_vm_without_an_instance_type_is_its_own_expansion() -> None:
    stored = {**vm(), "status": {"ready": True}, "unknown": 1}
    assert expanded(stored) == stored
    given = vm()
    given["metadata"].pop("namespace")
    assert expanded_manifest(json.dumps(given).encode(), "ns") == vm()


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (
            {"instancetype": {"name": "u1"}},
            'virtualmachineclusterinstancetypes.instancetype.kubevirt.io "u1" not found',
        ),
        (
            {"instancetype": {"name": "u1", "kind": "VirtualMachineInstancetype"}},
            'virtualmachineinstancetypes.instancetype.kubevirt.io "u1" not found',
        ),
        (
            {"preference": {"name": "p", "kind": "virtualmachineclusterpreferences"}},
            'virtualmachineclusterpreferences.instancetype.kubevirt.io "p" not found',
        ),
        (
            {"preference": {"name": "p", "kind": "VirtualMachinePreference"}},
            'virtualmachinepreferences.instancetype.kubevirt.io "p" not found',
        ),
        ({"instancetype": {"name": "u1", "kind": "Pod"}}, "got unexpected kind in InstancetypeMatcher: Pod"),
    ],
)
def test_what_is_named_and_not_there(spec: dict[str, Any], words: str) -> None:
    failure = failed(expanded, vm(**spec))
    assert (failure.code, failure.message) == (404, words)
    failure = failed(expanded_manifest, json.dumps(vm(**spec)).encode(), "ns")
    assert (failure.code, failure.message) == (400, words)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "empty request body"),
        (b"[", "Can not unmarshal Request body to struct, error: "),
        (b"[]", "Can not unmarshal Request body to struct, error: "),
        (b"\xff", "Can not unmarshal Request body to struct, error: "),
        (b"[" * 100000, "Can not unmarshal Request body to struct, error: "),
        (b"{}", "Object is not a valid VirtualMachine"),
        (json.dumps(vm(running="maybe")).encode(), "Object is not a valid VirtualMachine"),
        (json.dumps(vm() | {"metadata": {"namespace": "b"}}).encode(), "VM namespace must be empty or ns"),
    ],
)
def test_a_manifest_that_is_none(body: bytes, message: str) -> None:
    failure = failed(expanded_manifest, body, "ns")
    assert failure.code == 400 and failure.message.startswith(message)
    if "not a valid" in message:
        assert failure.details["causes"]


# --- object graph


def shown(node: dict[str, Any]) -> Any:
    """`kind name`, with the children below it."""
    reference = node["objectReference"]
    name = f"{reference['kind']} {reference['namespace']}/{reference['name']}"
    name += " (optional)" if node.get("optional") else ""
    return (name, [shown(child) for child in node["children"]]) if "children" in node else name


VMI: dict[str, Any] = {
    "metadata": {"name": "x", "namespace": "ns", "uid": "u"},
    "spec": {
        "accessCredentials": [{"sshPublicKey": {"source": {"secret": {"secretName": "keys"}}}}],
        "volumes": [
            {"name": "a", "dataVolume": {"name": "dv"}},
            {"name": "b", "persistentVolumeClaim": {"claimName": "pvc"}},
            {"name": "c", "configMap": {"name": "cm"}},
            {"name": "d", "secret": {"secretName": "s"}},
            {"name": "e", "cloudInitNoCloud": {"secretRef": {"name": "ud"}, "networkDataSecretRef": {"name": "nd"}}},
            {"name": "f", "containerDisk": {"image": "i"}},
        ],
        "networks": [
            {"name": "default", "pod": {}},
            {"name": "n1", "multus": {"networkName": "nad"}},
            {"name": "n2", "multus": {"networkName": "other/nad"}},
        ],
    },
    "status": {"activePods": {"p": "node1"}},
}
NEEDS = [
    "Secret ns/keys",
    ("DataVolume ns/dv", ["PersistentVolumeClaim ns/dv"]),
    "PersistentVolumeClaim ns/pvc",
    "ConfigMap ns/cm",
    "Secret ns/s",
    "Secret ns/ud",
    "Secret ns/nd",
    "NetworkAttachmentDefinition ns/nad (optional)",
    "NetworkAttachmentDefinition other/nad (optional)",
]
POD = f"Pod ns/{names.launcher_pod_name('x', 'u')}"
EVERYTHING = Options()


def test_what_a_vmi_needs() -> None:
    assert shown(of_vmi(VMI, EVERYTHING)) == ("VirtualMachineInstance ns/x", [POD, *NEEDS])
    pending = {**VMI, "status": {}}
    assert shown(of_vmi(pending, EVERYTHING)) == ("VirtualMachineInstance ns/x", NEEDS)


def test_what_a_vm_needs() -> None:
    made = vm(
        template={"spec": VMI["spec"]},
        instancetype={"name": "u1", "kind": "VirtualMachineClusterInstancetype", "revisionName": "r0"},
        preference={"name": "p", "kind": "VirtualMachinePreference", "revisionName": "r1"},
    )
    stored = {
        **made,
        "status": {"created": True, "instancetypeRef": {"controllerRevisionRef": {"name": "r"}}},
    }
    assert shown(of_vm(stored, VMI, EVERYTHING)) == (
        "VirtualMachine ns/x",
        [
            ("VirtualMachineInstance ns/x", [POD]),
            "VirtualMachineClusterInstancetype /u1 (optional)",
            "ControllerRevision ns/r",
            "VirtualMachinePreference ns/p (optional)",
            "ControllerRevision ns/r1",
            *NEEDS,
        ],
    )
    assert shown(of_vm(vm(), None, EVERYTHING)) == "VirtualMachine ns/x"


def test_a_node_as_it_is_on_the_wire() -> None:
    assert of_vmi({"metadata": VMI["metadata"], "status": VMI["status"]}, EVERYTHING) == {
        "objectReference": {
            "apiGroup": "kubevirt.io",
            "kind": "VirtualMachineInstance",
            "name": "x",
            "namespace": "ns",
        },
        "labels": {"kubevirt.io/dependency-type": "compute"},
        "children": [
            {
                "objectReference": {"apiGroup": "", "kind": "Pod", "name": POD.partition("/")[2], "namespace": "ns"},
                "labels": {"kubevirt.io/dependency-type": "compute"},
            }
        ],
    }


def test_parts_may_be_left_out() -> None:
    without = of_vmi(VMI, Options(include_optional_nodes=False))
    assert shown(without) == ("VirtualMachineInstance ns/x", [POD, *NEEDS[:-2]])
    storage = Options(label_selector=LabelSelector(match_labels={"kubevirt.io/dependency-type": "storage"}))
    assert shown(of_vmi(VMI, storage)) == ("VirtualMachineInstance ns/x", [NEEDS[1], NEEDS[2]])
