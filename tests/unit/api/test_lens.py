"""The lens by example: what the patches look like, and what they do when the world moved."""

from typing import Any

import msgspec
import pytest

from api.crd import KINDS
from api.lens import DecodeError, PatchError, apply_patch, edit, encode, view
from api.meta import Condition
from api.vm import VirtualMachine
from api.vmi import VirtualMachineInstance
from tests.unit.api.upstream import needs_upstream, objects

replace = msgspec.structs.replace


def vmi(**status: Any) -> dict[str, Any]:
    disks = [{"name": "root", "disk": {"bus": "virtio"}, "new-here": 1}, {"name": "data", "disk": {"bus": "sata"}}]
    return {
        "metadata": {"name": "a", "creationTimestamp": None},
        "spec": {"domain": {"devices": {"disks": disks}}, "beyond": {"us": True}},
        **({"status": status} if status else {}),
    }


def with_conditions(value: VirtualMachineInstance, *conditions: Condition) -> VirtualMachineInstance:
    return replace(value, status=replace(value.status, conditions=conditions))


def ready(status: str) -> Condition:
    return Condition(type="Ready", status=status)


def test_the_first_status_brings_its_parent() -> None:
    raw = vmi()
    old = view(raw, VirtualMachineInstance)
    new = replace(old, status=replace(old.status, phase="Pending"))
    assert edit(raw, old, new) == [{"op": "add", "path": "/status", "value": {"phase": "Pending"}}]


def test_a_condition_is_changed_in_place_behind_a_test_of_its_type() -> None:
    raw = vmi(conditions=[{"type": "Ready", "status": "False", "observedBy": "them"}])
    old = view(raw, VirtualMachineInstance)
    assert edit(raw, old, with_conditions(old, ready("True"))) == [
        {"op": "test", "path": "/status/conditions/0/type", "value": "Ready"},
        {"op": "replace", "path": "/status/conditions/0/status", "value": "True"},
    ]


def test_a_disk_is_removed_by_name_and_one_added_at_the_end() -> None:
    raw = vmi()
    old = view(raw, VirtualMachineInstance)
    root, data = old.spec.domain.devices.disks
    devices = replace(old.spec.domain.devices, disks=(data, replace(root, name="third")))
    new = replace(old, spec=replace(old.spec, domain=replace(old.spec.domain, devices=devices)))
    place = "/spec/domain/devices/disks"
    assert edit(raw, old, new) == [
        {"op": "test", "path": f"{place}/0/name", "value": "root"},
        {"op": "remove", "path": f"{place}/0"},
        {"op": "add", "path": f"{place}/-", "value": {"name": "third", "disk": {"bus": "virtio"}}},
    ]


def test_items_are_removed_from_the_end_so_that_indexes_hold() -> None:
    raw = vmi(conditions=[{"type": kind, "status": "True"} for kind in ("A", "B", "C", "D")])
    old = view(raw, VirtualMachineInstance)
    kept = with_conditions(old, old.status.conditions[1])
    removed = [op["path"] for op in edit(raw, old, kept) if op["op"] == "remove"]
    assert removed == [f"/status/conditions/{index}" for index in (3, 2, 0)]
    assert view(apply_patch(raw, edit(raw, old, kept)), VirtualMachineInstance) == kept


def test_items_without_a_key_of_their_own_are_not_edited_by_it() -> None:
    raw = {
        "spec": {"template": {}},
        "status": {"stateChangeRequests": [{"action": "Stop"}, {"action": "Start", "uid": "1"}]},
    }
    old = view(raw, VirtualMachine)
    stop, start = old.status.state_change_requests
    new = replace(old, status=replace(old.status, state_change_requests=(replace(stop, action="Start"), start)))
    assert [operation["op"] for operation in edit(raw, old, new)] == ["test", "replace"]
    assert view(apply_patch(raw, edit(raw, old, new)), VirtualMachine) == new


def test_a_number_becomes_the_text_of_itself() -> None:
    raw = vmi()
    raw["spec"]["readinessProbe"] = {"tcpSocket": {"port": 1}, "timeoutSeconds": 1}
    old = view(raw, VirtualMachineInstance)
    probe = old.spec.readiness_probe
    assert probe is not None and probe.tcp_socket is not None
    for port in ("1", True, 1.0):
        new_probe = replace(probe, tcp_socket=replace(probe.tcp_socket, port=port))
        (operation,) = edit(raw, old, replace(old, spec=replace(old.spec, readiness_probe=new_probe)))
        assert (operation["path"], type(operation["value"])) == ("/spec/readinessProbe/tcpSocket/port", type(port))


def test_a_required_list_is_emptied_not_removed() -> None:
    terms = {"nodeSelectorTerms": [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n1"]}]}]}
    raw = vmi()
    raw["spec"]["affinity"] = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}
    old = view(raw, VirtualMachineInstance)
    affinity = old.spec.affinity
    assert affinity is not None and affinity.node_affinity is not None
    node = affinity.node_affinity
    required = node.required_during_scheduling_ignored_during_execution
    assert required is not None
    empty = replace(node, required_during_scheduling_ignored_during_execution=replace(required, node_selector_terms=()))
    new = replace(old, spec=replace(old.spec, affinity=replace(affinity, node_affinity=empty)))
    assert view(apply_patch(raw, edit(raw, old, new)), VirtualMachineInstance) == new


def test_nulls_between_items_vanish_with_the_first_change_of_the_list() -> None:
    raw = vmi(conditions=[None, {"type": "Ready", "status": "False", "observedBy": "them"}, None])
    old = view(raw, VirtualMachineInstance)
    assert [condition.type for condition in old.status.conditions] == ["Ready"]
    after = apply_patch(raw, edit(raw, old, with_conditions(old, ready("True"))))
    assert after["status"]["conditions"] == [{"type": "Ready", "status": "True", "observedBy": "them"}]


def test_a_new_order_replaces_the_list_but_not_its_strangers() -> None:
    raw = vmi()
    old = view(raw, VirtualMachineInstance)
    devices = replace(old.spec.domain.devices, disks=old.spec.domain.devices.disks[::-1])
    new = replace(old, spec=replace(old.spec, domain=replace(old.spec.domain, devices=devices)))
    guard, change = edit(raw, old, new)
    assert (guard["op"], change["op"]) == ("test", "replace")
    assert change["value"] == raw["spec"]["domain"]["devices"]["disks"][::-1]


def test_a_moved_list_fails_the_patch_instead_of_hitting_a_neighbour() -> None:
    raw = vmi(conditions=[{"type": "Ready", "status": "False"}])
    old = view(raw, VirtualMachineInstance)
    operations = edit(raw, old, with_conditions(old, ready("True")))
    moved = vmi(conditions=[{"type": "Paused", "status": "True"}, {"type": "Ready", "status": "False"}])
    with pytest.raises(PatchError):
        apply_patch(moved, operations)


def test_a_label_with_a_slash_is_escaped() -> None:
    raw = vmi()
    old = view(raw, VirtualMachineInstance)
    new = replace(old, metadata=replace(old.metadata, labels={"kubevirt.io/nodeName": "n1"}))
    assert edit(raw, old, new) == [{"op": "add", "path": "/metadata/labels", "value": {"kubevirt.io/nodeName": "n1"}}]
    after = apply_patch(raw, edit(raw, old, new))
    again = view(after, VirtualMachineInstance)
    bare = replace(again, metadata=replace(again.metadata, labels={"kubevirt.io/nodeName": "n2", "a": "b"}))
    assert edit(after, again, bare) == [
        {"op": "add", "path": "/metadata/labels/a", "value": "b"},
        {"op": "replace", "path": "/metadata/labels/kubevirt.io~1nodeName", "value": "n2"},
    ]


def test_taking_a_structure_away_takes_its_strangers_too() -> None:
    raw = vmi(migrationState={"mode": "PreCopy", "newer": 1})
    old = view(raw, VirtualMachineInstance)
    new = replace(old, status=replace(old.status, migration_state=None))
    assert edit(raw, old, new) == [{"op": "remove", "path": "/status/migrationState"}]


@pytest.mark.parametrize(
    ("operation", "why"),
    [
        ({"op": "remove", "path": "/nowhere"}, "no such place"),
        ({"op": "test", "path": "/metadata/name", "value": "b"}, "test failed"),
        ({"op": "test", "path": "/spec/beyond/us", "value": 1}, "test failed"),
        ({"op": "replace", "path": "/spec/domain/devices/disks/7", "value": 1}, "no such index"),
        ({"op": "add", "path": "/spec/domain/devices/disks/x", "value": 1}, "no such index"),
        ({"op": "move", "path": "/a", "from": "/b"}, "not an operation"),
        ({"op": "add", "path": "spec"}, "begins with a slash"),
    ],
)
def test_an_operation_that_does_not_fit_is_refused(operation: dict[str, Any], why: str) -> None:
    with pytest.raises(PatchError, match=why):
        apply_patch(vmi(), [operation])


def test_a_decode_error_says_where() -> None:
    with pytest.raises(DecodeError, match=r"spec\.domain\.devices\.disks"):
        view({"spec": {"domain": {"devices": {"disks": "none"}}}}, VirtualMachineInstance)


def test_encoding_leaves_out_defaults_but_keeps_empty_structures_and_zeroes_that_mean_something() -> None:
    raw = {
        "spec": {
            "runStrategy": "Always",
            "template": {"spec": {"domain": {"devices": {"rng": {}}}, "terminationGracePeriodSeconds": 0}},
        }
    }
    assert encode(view(raw, VirtualMachine)) == raw


@needs_upstream
def test_every_recorded_and_example_object_is_read_without_a_loss() -> None:
    kinds: dict[str, int] = {}
    for where, raw in objects():
        kinds[raw["kind"]] = kinds.get(raw["kind"], 0) + 1
        assert _bare(encode(view(raw, KINDS[raw["kind"]].view))) == _bare(raw), where
    assert min(kinds.get(kind, 0) for kind in ("VirtualMachine", "VirtualMachineInstance", "KubeVirt")) > 0


def _bare(value: Any) -> Any:
    """Without what Go writes unasked: nulls, zeros, empty structures."""
    if isinstance(value, dict):
        kept = {key: _bare(item) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item not in (None, "", [], {}) and not _is_zero(item)}
    return [_bare(item) for item in value] if isinstance(value, list) else value


def _is_zero(value: Any) -> bool:
    return value is False or (isinstance(value, int | float) and not isinstance(value, bool) and value == 0)
