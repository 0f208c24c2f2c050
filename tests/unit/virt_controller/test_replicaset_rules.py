"""The replica set controller's decisions, one by one."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.unit.virt_controller.objects import NOW
from virt_controller.plan.actions import SETTLED, Create, Delete, Patch, Question, Refusal
from virt_controller.plan.replicaset import BURST, name_of, plan
from virt_controller.plan.replicaset_world import ReplicaSet, ReplicaSetWorld
from virt_controller.plan.vm_start import observed_api_version
from virt_model.seen import Vmi

Json = dict[str, Any]
LABELS = {"app": "a"}
TOLD: Json = {"labelSelector": "app=a"}


def replicaset(status: Json | None = None, metadata: Json | None = None, **spec: Any) -> ReplicaSet:
    own = {
        "name": "rs",
        "namespace": "n",
        "uid": "rs-uid",
        "resourceVersion": "1",
        "annotations": observed_api_version(),
    }
    wanted = {
        "replicas": 2,
        "selector": {"matchLabels": LABELS},
        "template": {
            "metadata": {"labels": LABELS, "annotations": {"note": "x"}},
            "spec": {"domain": {"devices": {}}},
        },
    }
    kind = {"apiVersion": "kubevirt.io/v1", "kind": "VirtualMachineInstanceReplicaSet"}
    raw: Json = {**kind, "metadata": {**own, **(metadata or {})}, "spec": {**wanted, **spec}}
    return ReplicaSet({**raw, "status": status} if status is not None else raw)


def vmi(name: str, phase: str = "Running", *, ready: bool = True, owner: str = "rs-uid", **metadata: Any) -> Vmi:
    owners = [{"kind": "VirtualMachineInstanceReplicaSet", "name": "rs", "uid": owner, "controller": True}]
    own = {"name": name, "namespace": "n", "uid": f"uid-{name}", "resourceVersion": "1", "labels": LABELS}
    own |= {"ownerReferences": owners if owner else [], "creationTimestamp": "2026-01-01T00:00:00Z", **metadata}
    conditions = [{"type": "Ready", "status": "True" if ready else "False"}]
    return Vmi(
        {"kind": "VirtualMachineInstance", "metadata": own, "status": {"phase": phase, "conditions": conditions}}
    )


def world(owner: ReplicaSet, *vmis: Vmi, live: bool = True, **more: Any) -> ReplicaSetWorld:
    return ReplicaSetWorld(replicaset=owner, vmis=vmis, live=live, now=NOW, **more)


def test_it_is_marked_as_seen_first() -> None:
    action = plan(world(replicaset(metadata={"annotations": {}}))).action
    assert isinstance(action, Patch)
    written = {op["path"]: op["value"] for op in action.ops[1:]}
    assert written == {
        "/metadata/annotations/kubevirt.io~1latest-observed-api-version": "v1",
        "/metadata/annotations/kubevirt.io~1storage-observed-api-version": "v1",
    }


def test_the_cache_is_not_believed() -> None:
    assert plan(world(replicaset(), live=False)).ask is Question.LIVE
    assert plan(world(replicaset(replicas=0), vmi("x"), live=False)).ask is Question.LIVE


def test_what_is_missing_is_made_of_the_template() -> None:
    owner = replicaset()
    action = plan(world(owner)).action
    assert isinstance(action, Create)
    metadata = action.body["metadata"]
    assert metadata["name"] == name_of(owner, 0)
    assert metadata["name"].startswith("rs") and len(metadata["name"]) == len("rs") + 5
    assert metadata["labels"] == LABELS
    assert metadata["annotations"]["note"] == "x"
    (reference,) = metadata["ownerReferences"]
    assert (reference["kind"], reference["uid"], reference["controller"], reference["blockOwnerDeletion"]) == (
        "VirtualMachineInstanceReplicaSet",
        "rs-uid",
        True,
        True,
    )
    (event,) = action.events
    assert (event.reason, event.message) == (
        "SuccessfulCreate",
        f"Started the virtual machine by creating the new virtual machine instance {metadata['name']}",
    )


def test_the_lowest_free_number_names_the_next() -> None:
    owner = replicaset(replicas=3)
    going = vmi(name_of(owner, 1), deletionTimestamp="2026-01-01T00:00:00Z")
    action = plan(world(owner, vmi(name_of(owner, 0)), going)).action
    assert isinstance(action, Create)
    assert action.body["metadata"]["name"] == name_of(owner, 2)


def test_a_long_name_leaves_room_for_the_number() -> None:
    owner = replicaset(metadata={"name": "r" * 63})
    assert len(name_of(owner, 0)) == 63
    assert name_of(owner, 0) != name_of(owner, 1)


def test_the_template_may_name_its_instances() -> None:
    template = {"metadata": {"generateName": "web-", "labels": LABELS}, "spec": {}}
    assert name_of(replicaset(template=template), 0).startswith("web-")


@pytest.mark.parametrize(
    ("vmis", "victim"),
    [
        ((vmi("a"), vmi("b", "Scheduling", ready=False), vmi("c")), "b"),
        ((vmi("a"), vmi("b", ready=False), vmi("c")), "b"),
        ((vmi("a"), vmi("b", creationTimestamp="2026-02-01T00:00:00Z"), vmi("c")), "b"),
        ((vmi("a"), vmi("b"), vmi("c")), "a"),
    ],
    ids=["not running", "not ready", "the youngest", "by name"],
)
def test_of_too_many_the_cheapest_goes(vmis: tuple[Vmi, ...], victim: str) -> None:
    action = plan(world(replicaset(), *vmis)).action
    assert isinstance(action, Delete)
    assert (action.name, action.uid) == (victim, f"uid-{victim}")
    (event,) = action.events
    assert event.message == f"Stopped the virtual machine by deleting the virtual machine instance uid-{victim}"


def test_what_is_over_is_replaced_before_it_is_cleared_away() -> None:
    owner, over = replicaset(), (vmi("a"), vmi("b", "Failed", ready=False))
    assert isinstance(plan(world(owner, *over)).action, Create)
    action = plan(world(owner, *over, vmi("c"))).action
    assert isinstance(action, Delete)
    assert (action.name, action.events[0].message) == ("b", "Deleted finished virtual machine: uid-b")


def test_an_instance_whose_pod_is_going_counts_as_over() -> None:
    going = vmi("b", ready=False)
    going.raw["status"]["conditions"][0]["reason"] = "PodTerminating"
    assert isinstance(plan(world(replicaset(), vmi("a"), going)).action, Create)


def test_a_stray_is_adopted_and_a_deserter_let_go() -> None:
    adopted = plan(world(replicaset(), vmi("a", owner=""))).action
    assert isinstance(adopted, Patch)
    assert adopted.ops[-1]["value"][0]["uid"] == "rs-uid"
    released = plan(world(replicaset(), vmi("a", labels={"app": "b"}))).action
    assert isinstance(released, Patch)
    assert (released.ops[-1]["path"], released.ops[-1]["value"]) == ("/metadata/ownerReferences", [])


@pytest.mark.parametrize(
    "stray",
    [
        vmi("a", owner="", labels={}),
        vmi("a", owner="", deletionTimestamp="2026-01-01T00:00:00Z"),
        vmi("a", "Succeeded", owner=""),
        vmi("a", owner="vm-uid"),
    ],
    ids=["not chosen", "going", "over", "another's"],
)
def test_what_is_not_adopted(stray: Vmi) -> None:
    assert isinstance(plan(world(replicaset(), stray)).action, Create)


def test_the_status_tells_what_is_there() -> None:
    action = plan(world(replicaset(), vmi("a"), vmi("b", ready=False))).action
    assert isinstance(action, Patch)
    assert action.subresource == "status"
    assert action.ops[-1]["value"] == {"labelSelector": "app=a", "replicas": 2, "readyReplicas": 1}
    settled = replicaset(status={"labelSelector": "app=a", "replicas": 2, "readyReplicas": 1})
    assert plan(world(settled, vmi("a"), vmi("b", ready=False), live=False)) == SETTLED


def test_none_is_told_as_nothing() -> None:
    assert plan(world(replicaset(status=TOLD, replicas=0), live=False)) == SETTLED


def test_absent_replicas_mean_one() -> None:
    owner = replicaset(replicas=None)
    assert isinstance(plan(world(owner)).action, Create)
    action = plan(world(owner, vmi("a"))).action
    assert isinstance(action, Patch)


def test_a_paused_one_only_tells() -> None:
    action = plan(world(replicaset(paused=True), vmi("a"))).action
    assert isinstance(action, Patch)
    (condition,) = action.ops[-1]["value"]["conditions"]
    assert (condition["type"], condition["status"], condition["reason"], condition["message"]) == (
        "ReplicaPaused",
        "True",
        "Paused",
        "Controller got paused",
    )
    assert [(event.reason, event.message) for event in action.events] == [("SuccessfulPaused", "Paused")]
    resumed = plan(
        world(replicaset({**TOLD, "replicas": 1, "readyReplicas": 1, "conditions": [condition]}, replicas=1), vmi("a"))
    )
    assert isinstance(resumed.action, Patch)
    assert [(event.reason, event.message) for event in resumed.action.events] == [("SuccessfulResumed", "Resumed")]
    assert "conditions" not in str(resumed.action.ops[-1].get("value"))


def test_a_deleted_one_makes_and_takes_nothing() -> None:
    leaving = replicaset(TOLD, {"deletionTimestamp": "2026-01-01T00:00:00Z"})
    assert plan(world(leaving)) == SETTLED


def test_a_refusal_is_told_once_and_retried() -> None:
    first = plan(world(replicaset())).action
    assert isinstance(first, Create)
    refused = world(replicaset(), refusal=Refusal(action=first, reason="Forbidden", message="quota"))
    action = plan(refused).action
    assert isinstance(action, Patch)
    (condition,) = action.ops[-1]["value"]["conditions"]
    assert (condition["type"], condition["reason"], condition["message"]) == ("ReplicaFailure", "FailedCreate", "quota")
    (event,) = action.events
    assert (event.type, event.message) == ("Warning", "Error creating virtual machine instance: quota")
    told = msgspec.structs.replace(refused, replicaset=replicaset(action.ops[-1]["value"]))
    assert plan(told).refused
    mended = plan(world(told.replicaset, vmi("a"), vmi("b"))).action
    assert isinstance(mended, Patch)
    assert any(op["op"] == "remove" and op["path"] == "/status/conditions" for op in mended.ops)


@pytest.mark.parametrize(
    ("phase", "what"), [("Running", "virtual machine instance"), ("Failed", "finished virtual machine")]
)
def test_a_refused_deletion_says_of_what(phase: str, what: str) -> None:
    around = world(replicaset(replicas=0), vmi("a", phase))
    first = plan(around).action
    assert isinstance(first, Delete)
    refusal = Refusal(action=first, reason="Forbidden", message="no")
    action = plan(msgspec.structs.replace(around, refusal=refusal)).action
    assert isinstance(action, Patch)
    assert (action.events[0].reason, action.events[0].message) == ("FailedDelete", f"Error deleting {what} a: no")


def test_a_pass_ends_and_the_rest_comes_soon() -> None:
    cut = world(replicaset(TOLD), done=BURST)
    assert plan(cut).again_in == 0.0


def test_a_selector_that_says_nothing_chooses_nothing() -> None:
    broken = replicaset(selector={"matchExpressions": [{"key": "a", "operator": "Maybe"}]})
    assert plan(world(broken)) == SETTLED
