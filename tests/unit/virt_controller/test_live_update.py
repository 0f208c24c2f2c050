"""Changes of a VM while its VMI runs: which it follows, which wait for a restart, and how they are named."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest

from api.lens_patch import apply_patch
from tests.unit.virt_controller.objects import NOW, SPEC, vm, vm_world, vmi
from tests.unit.virt_controller.recorded import events, needs_recordings
from virt_controller.plan import live_update, vm_status
from virt_controller.plan import vm as planner
from virt_controller.plan.actions import Kind, Patch, Question
from virt_controller.plan.strategy import Verb
from virt_controller.plan.vm_world import VmWorld
from virt_model import conditions
from virt_model.conditions import Type
from virt_model.config import ClusterConfig
from virt_model.seen import Vm, Vmi

Json = dict[str, Any]
STAGE = ClusterConfig(vm_rollout_strategy="Stage")
DISKS = [{"name": "root", "disk": {"bus": "virtio"}}, {"name": "data", "disk": {"bus": "virtio"}}]


def world(template: Json, *, phase: str = "Running", generation: int = 2, **more: Any) -> VmWorld:
    """A VM whose template's spec became `template` after its VMI was made of SPEC."""
    machine = vm("Always", {"runStrategy": "Always"}, generation=generation)
    spec = {**machine.spec, "template": {"spec": template}}
    running = vmi(phase, ran=True, annotations={"kubevirt.io/vm-generation": "1"})
    known = {"started_spec": machine.spec, "started_spec_asked": True}
    return vm_world(Vm({**machine.raw, "spec": spec}), more.pop("instance", running), **{**known, **more})


def restart(seen: VmWorld) -> str | None:
    found = conditions.find(vm_status.status(seen, Verb.KEEP)["conditions"], Type.RESTART_REQUIRED)
    return found["message"].partition(": ")[2] if found else None


@pytest.mark.parametrize(
    ("new", "waits"),
    [
        ({"domain": {**SPEC["domain"], "cpu": {"cores": 2}}}, "domain.cpu.cores"),
        ({"domain": {**SPEC["domain"], "memory": {"guest": "128Mi"}}}, "domain.memory.guest"),
        ({"terminationGracePeriodSeconds": 5}, "terminationGracePeriodSeconds"),
        ({"domain": {**SPEC["domain"], "devices": {"disks": DISKS[:1]}}}, "domain.devices.disks"),
        ({"domain": {**SPEC["domain"], "firmware": {"uuid": "other"}}}, None),
        ({"nodeSelector": {"a": "b"}}, None),
        ({"affinity": {"nodeAffinity": {}}, "tolerations": [{"key": "a"}]}, None),
        ({"networks": []}, None),
    ],
)
def test_what_waits_is_named_and_the_rest_asks_for_nothing(new: Json, waits: str | None) -> None:
    assert restart(world({**SPEC, **new})) == waits


def test_under_stage_everything_waits() -> None:
    assert restart(world({**SPEC, "nodeSelector": {"a": "b"}}, config=STAGE)) == "nodeSelector"


def test_things_with_names_are_compared_by_name() -> None:
    changed = [DISKS[1], {"name": "root", "disk": {"bus": "sata"}}, {"name": "new", "disk": {}}]
    assert live_update.waiting({"disks": DISKS}, {"disks": changed}, followed=True) == (
        "disks",
        "disks[root].disk.bus",
        "disks[new]",
    ), "the order counts, too"
    assert live_update.named(["a", "b", "c", "d", "e"]) == "a, b, c, d, e"
    assert live_update.named(["a", "b", "c", "d", "e", "f", "g"]) == "a, b, c, d, e and 2 more"


def test_placement_rules_are_handed_down_to_a_vmi_that_has_its_node() -> None:
    seen = world({**SPEC, "nodeSelector": {"a": "b"}, "tolerations": [{"key": "k"}]})
    action = planner.plan(seen).action
    assert isinstance(action, Patch) and action.kind is Kind.VMI
    after = Vmi(apply_patch(seen.vmi.raw if seen.vmi else {}, action.ops))
    assert (after.spec["nodeSelector"], after.spec["tolerations"]) == ({"a": "b"}, [{"key": "k"}])
    assert {**after.spec, "nodeSelector": 0, "tolerations": 0} == {**SPEC, "nodeSelector": 0, "tolerations": 0}
    then = planner.plan(seen.after(action, after.raw)).action
    assert isinstance(then, Patch) and then.kind is Kind.VM, "once is enough"
    assert vm_status.status(seen, Verb.KEEP)["observedGeneration"] == 1, "a live change leaves it behind"


@pytest.mark.parametrize("phase", ["Pending", "Scheduling"])
def test_a_pod_that_waits_for_its_node_waits_by_the_old_rules(phase: str) -> None:
    seen = world({**SPEC, "nodeSelector": {"a": "b"}}, phase=phase)
    action = planner.plan(seen).action
    assert isinstance(action, Patch) and action.kind is Kind.VM
    assert restart(seen) == "nodeSelector"


def test_rules_that_are_taken_back_are_taken_from_the_vmi_too() -> None:
    running = vmi("Running", ran=True, annotations={"kubevirt.io/vm-generation": "1"})
    bound = Vmi({**running.raw, "spec": {**running.spec, "nodeSelector": {"a": "b"}}})
    action = planner.plan(world(deepcopy(SPEC), generation=3, instance=bound)).action
    assert isinstance(action, Patch)
    after = Vmi(apply_patch(bound.raw, action.ops))
    assert "nodeSelector" not in after.spec and after.started_generation == 3


def test_an_edit_that_leaves_the_machine_alone_catches_the_generation_up_and_asks_nobody_again() -> None:
    seen = world(deepcopy(SPEC), generation=2)
    required = {"type": "RestartRequired", "status": "True", "message": "m"}
    told = Vm({**seen.vm.raw, "status": {**seen.vm.status, "conditions": [required]}})
    action = planner.plan(seen).action
    assert isinstance(action, Patch) and action.kind is Kind.VMI
    after = Vmi(apply_patch(seen.vmi.raw if seen.vmi else {}, action.ops))
    later = vm_world(told, after)
    assert planner.plan(later).ask is None, "the revision need not be read"
    assert vm_status.status(later, Verb.KEEP)["observedGeneration"] == 2
    assert restart(later) is None


def test_an_adopted_vmi_is_compared_with_the_vm_that_made_it() -> None:
    orphan = vmi(
        "Running",
        {"virtualMachineRevisionName": "revision-start-vm-other-uid-1"},
        ran=True,
        annotations={"kubevirt.io/vm-generation": "1"},
    )
    new = vm("Always", {"runStrategy": "Always"}, generation=1)
    assert planner.plan(vm_world(new, orphan)).ask is Question.REVISION
    old = {**new.spec, "template": {"spec": {**SPEC, "terminationGracePeriodSeconds": 1}}}
    known = vm_world(new, orphan, started_spec=old, started_spec_asked=True)
    assert restart(known) == "terminationGracePeriodSeconds"


@needs_recordings
def test_the_recorded_changes_ask_for_a_restart_where_the_original_asked() -> None:
    """All but CPUs and memory, which the original plugs by migrating the guest."""
    current: Json = {}
    checked = []
    started: Json | None = None
    for event in events("10-live-update"):
        thing = event["object"]
        if thing["kind"] == "VirtualMachineInstance":
            current = thing
        if thing["kind"] != "VirtualMachine" or thing.get("status", {}).get("printableStatus") != "Running":
            continue
        started = started or json.loads(json.dumps(thing["spec"]))
        theirs = conditions.find(thing["status"]["conditions"], Type.RESTART_REQUIRED)
        seen = VmWorld(vm=Vm(thing), vmi=Vmi(current), now=NOW, started_spec=started, started_spec_asked=True)
        ours = conditions.find(vm_status.status(seen, Verb.KEEP)["conditions"], Type.RESTART_REQUIRED)
        if theirs is None:
            assert ours is None or "domain.cpu" in ours["message"] or "domain.memory" in ours["message"]
        else:
            assert ours is not None and ours["message"].startswith(theirs["message"])
            checked.append(ours["message"])
    assert any("terminationGracePeriodSeconds" in each for each in checked)
