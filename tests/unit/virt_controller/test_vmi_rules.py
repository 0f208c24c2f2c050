"""The rules of the VMI and node controllers, and the patches they are written with."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.lens_patch import PatchError, apply_patch
from api.time import format_time
from tests.unit.virt_controller.objects import NOW, pod, vmi, vmi_world
from virt_controller.plan import node, patch
from virt_controller.plan import vmi as planner
from virt_controller.plan.actions import Create, Delete, Kind, Merge, Patch, Plan, Question, Refusal
from virt_controller.plan.node import NodeWorld, out
from virt_model import labels
from virt_model.runner import ANNOTATION
from virt_model.seen import Seen

Json = dict[str, Any]
GATED = {
    "conditions": [
        {
            "type": labels.UNPAUSED_GATE,
            "status": "True",
            "reason": "NotPaused",
            "message": "the virtual machine is not paused",
        }
    ]
}
LABELLED: Json = {"labels": {labels.NODE_NAME: "node1"}}


def _values(action: Any) -> Json:
    assert isinstance(action, Patch)
    return {op["path"]: op.get("value") for op in action.ops}


def test_a_pod_is_made_only_in_a_live_world() -> None:
    assert planner.plan(vmi_world(vmi())).ask is Question.LIVE
    action = planner.plan(vmi_world(vmi(), live=True)).action
    assert isinstance(action, Create) and action.kind is Kind.POD
    assert action.events[0].message == f"Created virtual machine pod {action.body['metadata']['name']}"


def test_with_a_pod_it_is_scheduling() -> None:
    values = _values(planner.plan(vmi_world(vmi(), pod())).action)
    assert values["/status/phase"] == "Scheduling"
    assert values["/status/memory"]["memoryOverhead"].endswith("Ki")


def test_a_bound_pod_gets_gate_and_label_in_one_write() -> None:
    action = planner.plan(vmi_world(vmi("Scheduling"), pod())).action
    assert isinstance(action, Merge) and action.subresource == "status"
    assert action.body["metadata"] == {"uid": "pod-uid", "labels": {labels.NODE_NAME: "node1"}}
    assert action.body["status"]["conditions"][0]["reason"] == "NotPaused"


def test_an_unbound_pod_waits_with_its_gate() -> None:
    action = planner.plan(vmi_world(vmi("Scheduling"), pod(node=""))).action
    assert isinstance(action, Patch) and action.kind is Kind.VMI


def test_a_paused_guest_closes_the_gate() -> None:
    paused = vmi("Running", {"conditions": [{"type": "Paused", "status": "True"}]}, ran=True)
    action = planner.plan(vmi_world(paused, pod("Running", status=GATED, **LABELLED))).action
    assert isinstance(action, Merge)
    assert action.body["status"]["conditions"][0]["status"] == "False"


@pytest.mark.parametrize("reason", ["ErrImagePull", "ImagePullBackOff"])
def test_an_image_that_cannot_be_had_is_told(reason: str) -> None:
    waiting = {"name": "compute", "state": {"waiting": {"reason": reason, "message": "no such image"}}}
    stuck = pod(status={**GATED, "containerStatuses": [waiting]}, **LABELLED)
    found = _values(planner.plan(vmi_world(vmi("Scheduling"), stuck)).action)["/status/conditions"]
    told = next(each for each in found if each["type"] == "Synchronized")
    assert (told["status"], told["reason"], told["message"]) == ("False", reason, "no such image")


def test_no_node_is_told_in_the_schedulers_words() -> None:
    refused = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/2 nodes", "x": 1}
    found = _values(planner.plan(vmi_world(vmi("Scheduling"), pod(node="", status={"conditions": [refused]}))).action)
    copied = next(each for each in found["/status/conditions"] if each["type"] == "PodScheduled")
    assert copied["message"] == "0/2 nodes" and "x" not in copied


def test_hand_over_carries_all_that_the_handler_needs() -> None:
    running = {"name": "compute", "state": {"running": {}}}
    up = pod("Running", status={**GATED, "containerStatuses": [running], "qosClass": "Burstable"}, **LABELLED)
    values = _values(planner.plan(vmi_world(vmi("Scheduling"), up)).action)
    assert values["/status/phase"] == "Scheduled"
    assert values["/status/nodeName"] == "node1"
    assert values["/status/activePods"] == {"pod-uid": "node1"}
    assert values["/status/qosClass"] == "Burstable"
    assert values["/metadata/labels"] == {labels.NODE_NAME: "node1"}


def test_after_hand_over_patches_test_what_they_replace() -> None:
    running = vmi(
        "Running", {"conditions": [{"type": "Ready", "status": "False", "reason": "GuestNotRunning"}]}, ran=True
    )
    up = pod("Running", status={"conditions": [*GATED["conditions"], {"type": "Ready", "status": "True"}]}, **LABELLED)
    action = planner.plan(vmi_world(running, up)).action
    assert isinstance(action, Patch)
    tested = {op["path"] for op in action.ops if op["op"] == "test"}
    assert {"/metadata/uid", "/status/phase", "/status/conditions"} <= tested


def test_a_missing_pod_is_looked_for_before_anything_fails() -> None:
    for phase in ("Scheduling", "Scheduled", "Running"):
        assert planner.plan(vmi_world(vmi(phase))).ask is Question.LIVE
    assert _values(planner.plan(vmi_world(vmi("Scheduling"), live=True)).action)["/status/phase"] == "Failed"


@pytest.mark.parametrize("phase", ["Scheduled", "Running"])
@pytest.mark.parametrize("lost", [False, True])
@pytest.mark.parametrize("deleted", [{}, {"deletionTimestamp": "x"}])
def test_a_pod_that_is_gone_proves_nothing_of_its_guest(phase: str, lost: bool, deleted: Json) -> None:
    """Its node may not have heard of it."""
    told = planner.plan(vmi_world(vmi(phase, **deleted), live=True, node_lost=lost)).action
    values = _values(told)
    assert values["/status/phase"] == phase and values["/status/conditions"][0]["reason"] == "PodNotExists"
    shown = vmi(phase, {"conditions": values["/status/conditions"]}, **deleted)
    assert planner.plan(vmi_world(shown, live=True, node_lost=lost, now=NOW + 1000)) == Plan()
    failed = planner.plan(vmi_world(shown, live=True, node_lost=lost, node_out="it was deleted")).action
    assert isinstance(failed, Patch)
    assert (_values(failed)["/status/phase"], _values(failed)["/status/reason"]) == ("Failed", "NodeOutOfService")
    assert [event.reason for event in failed.events] == ["NodeOutOfService"]


def test_a_node_that_is_off_is_not_waited_for_by_its_pods() -> None:
    """The kubelet that would say that they are over is off with it; of a deleted node Kubernetes removes them."""
    running, held = vmi("Running"), pod("Running", status=GATED, **LABELLED)
    assert planner.plan(vmi_world(running, held, live=True, node_out="it is off")).action is not None
    waits = planner.plan(vmi_world(running, held, live=True, node_out="it was deleted", node_deleted=True)).action
    assert waits is None or "/status/reason" not in _values(waits)
    ended = vmi("Failed", {"nodeName": "node1"}, deletionTimestamp="x")
    gone = planner.plan(vmi_world(ended, held, live=True, node_out="it is off")).action
    assert isinstance(gone, Delete) and gone.grace_seconds == 0


def test_a_fenced_boot_is_out_and_the_next_one_is_not() -> None:
    def booted(boot: str, ready: str = "Unknown") -> Seen:
        status = {"conditions": [{"type": "Ready", "status": ready}], "nodeInfo": {"bootID": boot}}
        return Seen({"metadata": {"annotations": {"podvirt.io/fenced-boot": "b1"}}, "spec": {}, "status": status})

    assert out(booted("b1")) == "a fencing agent has ended its boot b1"
    assert out(booted("b2")) == "" == out(booted("b1", "True"))


def _tainted(ready: str, *taints: str) -> Seen:
    conditions = [{"type": "Ready", "status": ready}]
    return Seen({"spec": {"taints": [{"key": key} for key in taints]}, "status": {"conditions": conditions}})


def test_a_node_is_out_by_its_taint_unless_its_kubelet_answers() -> None:
    assert [bool(out(_tainted(ready, labels.OUT_OF_SERVICE_TAINT))) for ready in ("True", "False", "Unknown")] == [
        False,
        True,
        True,
    ]
    assert out(_tainted("Unknown", "node.kubernetes.io/unreachable")) == "" and out(None)


def test_an_ended_launcher_counts_as_failure_only_after_a_while() -> None:
    ended = {"name": "compute", "state": {"terminated": {"finishedAt": format_time(NOW)}}}
    over = pod("Failed", status={**GATED, "containerStatuses": [ended]}, **LABELLED)
    told = [
        {"type": "Ready", "status": "False", "reason": "PodTerminating", "message": "virt-launcher pod is terminating"}
    ]
    running = vmi("Running", {"conditions": told}, ran=True)
    assert planner.plan(vmi_world(running, over)).again_in == pytest.approx(60.0)
    assert _values(planner.plan(vmi_world(running, over, now=NOW + 61)).action)["/status/phase"] == "Failed"


def test_a_lost_node_fails_its_vmis_without_living_pods() -> None:
    over = pod("Failed", status=GATED, **LABELLED)
    values = _values(planner.plan(vmi_world(vmi("Running", ran=True), over, node_lost=True)).action)
    assert (values["/status/phase"], values["/status/reason"]) == ("Failed", "NodeUnresponsive")
    alive = pod("Running", status=GATED, **LABELLED)
    kept = planner.plan(vmi_world(vmi("Running", ran=True), alive, node_lost=True)).action
    assert kept is None or "/status/phase" not in {op["path"] for op in kept.ops if op["op"] == "replace"}  # type: ignore[union-attr]


def test_a_deleted_vmi_takes_its_pod_along() -> None:
    action = planner.plan(vmi_world(vmi("Running", ran=True, deletionTimestamp="x"), pod("Running"))).action
    assert isinstance(action, Delete) and (action.name, action.uid) == (pod().name, "pod-uid")


def test_an_ended_vmi_is_let_go_once_no_pod_is_left() -> None:
    ended = vmi("Succeeded", ran=True)
    assert planner.plan(vmi_world(ended)).ask is Question.LIVE
    assert _values(planner.plan(vmi_world(ended, live=True)).action)["/metadata/finalizers"] == []
    never_ran = planner.plan(vmi_world(vmi("Failed"), live=True, vm_counts=True)).action
    assert _values(never_ran)["/metadata/finalizers"] == [labels.VM_FINALIZER]


def test_a_refused_pod_is_told_once() -> None:
    action = planner.plan(vmi_world(vmi(), live=True)).action
    assert action is not None
    refusal = Refusal(action=action, reason="Forbidden", message="exceeded quota")
    told = planner.plan(vmi_world(vmi(), live=True, refusal=refusal)).action
    assert isinstance(told, Patch) and told.events[0].reason == "FailedCreate"
    conditions = _values(told)["/status/conditions"]
    assert planner.plan(vmi_world(vmi(status={"conditions": conditions}), live=True, refusal=refusal)).refused


def test_a_missing_claim_is_waited_for() -> None:
    action = planner.plan(vmi_world(vmi(), live=True, missing_claim="data")).action
    assert isinstance(action, Patch)
    assert action.events[0].message == "PVC n/data does not exist, waiting for it to appear"
    assert action.events[0].type == "Normal"


# --- nodes


def _node(silent_for: float, schedulable: str = "true") -> NodeWorld:
    metadata = {
        "name": "n1",
        "uid": "u",
        "labels": {labels.SCHEDULABLE: schedulable},
        "annotations": {labels.HEARTBEAT: "t"},
    }
    return NodeWorld(node=Seen({"metadata": metadata}), silent_for=silent_for)


def test_a_silent_node_gets_no_more_guests() -> None:
    assert node.plan(_node(10)).action is None and node.plan(_node(10)).again_in == 60.0
    action = node.plan(_node(301)).action
    assert isinstance(action, Merge) and action.body["metadata"]["labels"] == {labels.SCHEDULABLE: "false"}
    assert action.events[0].reason == "NodeUnresponsive"
    assert node.plan(_node(301, "false")).action is None
    assert node.lost(_node(301)) and not node.lost(_node(299))


def test_a_node_without_agent_is_nobodys_business() -> None:
    bare = NodeWorld(node=Seen({"metadata": {"name": "n1"}}), silent_for=9999)
    assert not node.lost(bare) and node.plan(bare).again_in is None


# --- patches

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(st.sampled_from(["spec", "status", "a/b", "~x"]), json_values, max_size=4)
METADATA = {"metadata": {"resourceVersion": "7", "uid": "u"}}


@settings(deadline=None)
@given(objects, objects)
def test_a_pinned_patch_gives_the_new_object_and_names_the_version(old: Json, new: Json) -> None:
    before, after = {**old, **METADATA}, {**new, **METADATA}
    ops = patch.pinned(before, after)
    assert (not ops) == (before == after)
    if ops:
        assert ops[0] == {"op": "replace", "path": "/metadata/resourceVersion", "value": "7"}
        assert apply_patch(before, ops) == after


@settings(deadline=None)
@given(objects, objects)
def test_a_tested_patch_gives_the_new_object_or_fails_on_another(old: Json, new: Json) -> None:
    before, after = {**old, **METADATA}, {**new, **METADATA}
    ops = patch.tested(before, after)
    if not ops:
        assert before == after
        return
    assert apply_patch(before, ops) == after
    stranger = {**before, "metadata": {**METADATA["metadata"], "uid": "other"}}
    with pytest.raises(PatchError):
        apply_patch(stranger, ops)


def test_the_pod_that_counts_is_the_runner_whatever_a_migration_left() -> None:
    moved = vmi("Running", ran=True, annotations={ANNOTATION: "2:new"})
    left, new = pod("Succeeded", uid="pod-uid"), pod("Running", node="node2", name="target", uid="new")
    assert vmi_world(moved, left, new).pod == new
    gone = planner.plan(vmi_world(moved, left, live=True)).action
    found = _values(gone)["/status/conditions"]
    assert found[0]["reason"] == "PodNotExists", "what is left of the source is no pod of the guest"
    target = pod("Running", name="target", uid="new", labels={labels.MIGRATION_JOB_UID: "job"})
    coming = vmi_world(vmi("Running", ran=True), pod("Running", status=GATED, **LABELLED), target)
    assert coming.pod is not None and coming.pod.uid == "pod-uid"
    opened = planner.plan(coming).action
    assert not isinstance(opened, Merge), "the target's gate stays closed"


@pytest.mark.parametrize("lost", [False, True])
def test_a_guest_that_waits_at_its_target_is_not_given_up(lost: bool) -> None:
    state = {"migrationState": {"migrationUid": "job", "targetNodeDomainReadyTimestamp": "T"}}
    ended = {**GATED, "containerStatuses": [{"name": "compute", "state": {"terminated": {}}}]}
    moving = vmi("Running", state, ran=True)
    source = pod("Succeeded", status=ended, **LABELLED)
    assert planner.plan(vmi_world(moving, source, node_lost=lost, now=NOW + 1000)).action is None
    for known in ({"completed": True}, {"mode": "PostCopy"}):
        over = vmi("Running", {"migrationState": {**state["migrationState"], **known}}, ran=True)
        given_up = planner.plan(vmi_world(over, source, node_lost=True)).action
        assert _values(given_up)["/status/phase"] == "Failed"


def test_a_deleted_vmi_takes_all_its_pods_along() -> None:
    leaving = vmi("Running", ran=True, deletionTimestamp=format_time(NOW), annotations={ANNOTATION: "2:new"})
    left, new = pod("Succeeded", uid="pod-uid"), pod("Running", node="node2", name="target", uid="new")
    first = planner.plan(vmi_world(leaving, left, new)).action
    assert isinstance(first, Delete) and first.uid == "pod-uid"
    second = planner.plan(vmi_world(leaving, new)).action
    assert isinstance(second, Delete) and second.uid == "new"
