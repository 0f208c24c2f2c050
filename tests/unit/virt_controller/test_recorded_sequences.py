"""What the original wrote into VMs and VMIs while guests lived, and what our rules say of the very same moments."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from api.lens_patch import apply_patch
from tests.unit.virt_controller.recorded import RECORDED, Json, events, needs_recordings
from virt_controller.plan import strategy, vm_status
from virt_controller.plan import vmi as vmi_planner
from virt_controller.plan.actions import Kind, Patch
from virt_controller.plan.strategy import Verb
from virt_controller.plan.vm_world import VmWorld
from virt_controller.plan.vmi_world import VmiWorld
from virt_model import names
from virt_model.conditions import Type, find
from virt_model.config import ClusterConfig
from virt_model.phases import Phase
from virt_model.seen import Pod, Vm, Vmi

pytestmark = needs_recordings
FOLDERS = ("01-vm-lifecycle", "01b-vm-lifecycle-noagent", "03-not-starting", "05-runstrategy", "06-killed")
CONFIG = ClusterConfig(use_emulation=True)

Shown = tuple[Any, ...]

#: moments that the original passed too quickly to show, or that it showed on another run of the same scenario
BRIEF_VM: set[Shown] = {
    ("Stopping", "False", "GuestNotRunning", True, False),
    ("Stopped", "False", "GuestNotRunning", True, False),
}
BRIEF_VMI: set[Shown] = {
    ("Failed", ("PodScheduled", "False", "Unschedulable"), ("Ready", "False", "PodTerminating")),
    ("Failed", ("Ready", "False", "GuestNotRunning")),
    ("Running", ("Ready", "False", "PodTerminating")),
    ("Running", ("Ready", "False", "PodNotExists")),  # the recorder's watch of pods was ahead of that of VMIs
}


class Moment:
    """The cluster right after one recorded watch event."""

    def __init__(self) -> None:
        self.vms: dict[str, Json] = {}
        self.vmis: dict[str, Json] = {}
        self.pods: dict[str, Json] = {}

    def take(self, event: Json) -> None:
        stores = {"VirtualMachine": self.vms, "VirtualMachineInstance": self.vmis, "Pod": self.pods}
        store = stores.get(event["object"]["kind"])
        if store is None:
            return
        name = event["object"]["metadata"]["name"]
        if event["type"] == "DELETED":
            store.pop(name, None)
        else:
            store[name] = event["object"]


def _moments(folder: str) -> Iterator[tuple[float, Json, Moment]]:
    moment = Moment()
    for event in events(folder):
        moment.take(event)
        yield event["t"], event, moment


def _ready(status: Json) -> Shown:
    found = find(status.get("conditions", []), Type.READY)
    return (found["status"], found.get("reason")) if found else ("", None)


def _vm_shown(status: Json) -> Shown:
    return (status.get("printableStatus"), *_ready(status), bool(status.get("created")), bool(status.get("ready")))


def _distinct(sequence: list[Shown]) -> list[Shown]:
    return [each for index, each in enumerate(sequence) if index == 0 or sequence[index - 1] != each]


def _ours_of_vm(now: float, vm: Json, vmi: Json | None) -> Json | None:
    """None where we would act instead: let the VM go, or start it."""
    world = VmWorld(vm=Vm(vm), vmi=Vmi(vmi) if vmi else None, now=now, live=True)
    verb = Verb.STOP if world.vm.deleting else strategy.decide(world.vm, world.own)
    if world.own is None and (world.vm.deleting or verb is Verb.START):
        return None
    return vm_status.status(world, verb)


@pytest.mark.parametrize("folder", FOLDERS)
def test_vm_status_says_what_the_original_said(folder: str) -> None:
    """Each status that we derive from a recorded VM and VMI was shown by the original, of the same VM."""
    theirs: dict[str, set[Shown]] = {}
    ours: dict[str, list[Shown]] = {}
    for now, event, moment in _moments(folder):
        name, kind = event["object"]["metadata"]["name"], event["object"]["kind"]
        if kind == "VirtualMachine":
            theirs.setdefault(name, set()).add(_vm_shown(event["object"].get("status", {})))
        if kind in ("VirtualMachine", "VirtualMachineInstance") and name in moment.vms:
            status = _ours_of_vm(now, moment.vms[name], moment.vmis.get(name))
            ours.setdefault(name, []).extend([_vm_shown(status)] if status is not None else [])
    assert ours
    for name, sequence in ours.items():
        strange = [shown for shown in _distinct(sequence) if shown not in theirs[name] | BRIEF_VM]
        assert not strange, f"{folder}/{name}: {strange}\nrecorded: {sorted(theirs[name], key=str)}"


def _vmi_shown(status: Json) -> Shown:
    conditions = sorted(
        (str(each["type"]), each["status"], each.get("reason"))
        for each in status.get("conditions", [])
        if each["type"] in ("Ready", "PodScheduled", "Synchronized")
    )
    return (status.get("phase"), *conditions)


def _ours_of_vmi(now: float, vmi: Json, pods: dict[str, Json]) -> Json | None:
    """The status after the step that we would take, None when we take none."""
    seen = Vmi(vmi)
    if seen.phase is Phase.SCHEDULING and not any(Pod(pod).controlled_by(seen.uid) for pod in pods.values()):
        return None  # the recorder's watch of pods was behind that of VMIs
    own = [_renamed(pod, seen) for pod in pods.values() if Pod(pod).controlled_by(seen.uid)]
    world = VmiWorld(vmi=seen, pods=tuple(map(Pod, own)), live=True, config=CONFIG, launcher_image="launcher", now=now)
    action = vmi_planner.plan(world).action
    if not isinstance(action, Patch) or action.kind is not Kind.VMI:
        return None
    after: Any = apply_patch(
        vmi, action.ops[1:] if action.ops[0]["path"] == "/metadata/resourceVersion" else action.ops
    )
    status: Json = after["status"]
    return status


def _renamed(pod: Json, vmi: Vmi) -> Json:
    """Their pod under the name that ours would have."""
    return {**pod, "metadata": {**pod["metadata"], "name": names.launcher_pod_name(vmi.name, vmi.uid)}}


@pytest.mark.parametrize("folder", (*FOLDERS, "02-vmi-poweroff"))
def test_vmi_status_says_what_the_original_said(folder: str) -> None:
    """Whatever we would write into a recorded VMI, beside its recorded pods, the original wrote too."""
    theirs: dict[str, set[Shown]] = {}
    ours: dict[str, list[Shown]] = {}
    for now, event, moment in _moments(folder):
        kind = event["object"]["kind"]
        if kind == "VirtualMachineInstance":
            uid = event["object"]["metadata"]["uid"]
            theirs.setdefault(uid, set()).add(_vmi_shown(event["object"].get("status", {})))
        if kind not in ("VirtualMachineInstance", "Pod"):
            continue
        for vmi in moment.vmis.values():
            status = _ours_of_vmi(now, vmi, moment.pods)
            if status is not None and not _claims(vmi):
                ours.setdefault(vmi["metadata"]["uid"], []).append(_vmi_shown(status))
    assert ours
    for uid, sequence in ours.items():
        strange = [shown for shown in _distinct(sequence) if shown not in theirs[uid] | BRIEF_VMI]
        assert not strange, f"{folder}/{uid}: {strange}\nrecorded: {sorted(theirs[uid], key=str)}"


def _claims(vmi: Json) -> bool:
    return any("persistentVolumeClaim" in volume or "dataVolume" in volume for volume in vmi["spec"].get("volumes", ()))


@pytest.mark.parametrize("folder", FOLDERS if RECORDED.is_dir() else ())
def test_recordings_are_whole(folder: str) -> None:
    kinds = {event["object"]["kind"] for event in events(folder)}
    assert {"VirtualMachine", "VirtualMachineInstance", "Pod", "Event"} <= kinds
