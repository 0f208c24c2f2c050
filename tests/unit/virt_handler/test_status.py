"""What the agent writes into a VMI, laid beside what was recorded on the original."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import jsonpatch
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.lens_patch import PatchError, apply_patch
from virt_handler.plan import migratable, status
from virt_handler.plan.domain import Domain, Nic
from virt_handler.plan.patch import runner_guard, status_patch
from virt_model.phases import Phase
from virt_model.runner import ANNOTATION

UPSTREAM = Path(os.environ.get("PODVIRT_UPSTREAM") or Path(__file__).parents[4] / "shared" / "upstream")
RECORDED = UPSTREAM / "recorded" / "02-vmi-poweroff" / "events.jsonl"
NOW = "2026-11-23T03:35:40Z"
Json = dict[str, Any]


def life() -> list[Json]:
    """The states of the first recorded VMI, in order."""
    if not RECORDED.exists():
        pytest.skip("the recordings are not here")
    objects = [
        json.loads(line)["object"] for line in RECORDED.read_text().splitlines() if '"VirtualMachineInstance"' in line
    ]
    vmis = [each for each in objects if each.get("kind") == "VirtualMachineInstance"]
    return [each for each in vmis if each["metadata"]["uid"] == vmis[0]["metadata"]["uid"]]


def step(states: list[Json], wanted: str, nth: int = 0) -> tuple[Json, Json]:
    """(before, after) of the nth state in phase `wanted`."""
    index = [at for at, each in enumerate(states) if each["status"].get("phase") == wanted][nth]
    return states[index - 1], states[index]


def test_taking_over_is_what_was_recorded() -> None:
    before, after = step(life(), "Scheduled", 1)
    assert status.taken_over(before) == after["status"]


def test_running_is_what_was_recorded() -> None:
    before, after = step(life(), "Running")
    nic = after["status"]["interfaces"][0]
    domain = Domain(
        status="running", reason="booted", machine_type=after["status"]["machine"]["type"],
        interfaces=(Nic(name="default", mac=nic["mac"]),), disks=(("root", "vda"),),
    )  # fmt: skip
    at = after["status"]["phaseTransitionTimestamps"][-1]["phaseTransitionTimestamp"]
    written = status.running(before, domain, {"default": tuple(nic["ipAddresses"])}, at)
    assert written == after["status"]
    assert status.running({**before, "status": written}, domain, {"default": (nic["ipAddress"],)}, "later") == written


def test_the_end_is_what_was_recorded() -> None:
    before, after = step(life(), "Succeeded")
    at = after["status"]["phaseTransitionTimestamps"][-1]["phaseTransitionTimestamp"]
    assert status.ended(before, Phase.SUCCEEDED, at) == after["status"]


def paused(reason: str) -> Json:
    vmi: Json = {"spec": {"domain": {}}, "status": {"phase": "Running"}}
    new = status.running(vmi, Domain(status="paused", reason=reason), {}, NOW)
    return {each["type"]: each for each in new["conditions"]}["Paused"]


def test_a_paused_guest_runs_and_says_why_it_stands() -> None:
    assert paused("user")["reason"] == paused("starting")["reason"] == "PausedByUser"
    assert paused("ioerror")["reason"] == "PausedIOError"


def test_conditions_that_no_longer_hold_are_removed() -> None:
    vmi: Json = {"spec": {"domain": {}}, "status": {"phase": "Running"}}
    on = status.running(vmi, Domain(status="running", agent_connected=True), {}, NOW)
    assert [(each["type"], each["lastProbeTime"], each["lastTransitionTime"]) for each in on["conditions"]] == [
        ("AgentConnected", NOW, None)
    ]
    off = status.running({**vmi, "status": on}, Domain(status="running"), {}, NOW)
    assert off["conditions"] == []


VALUES = st.recursive(
    st.none() | st.integers() | st.text(max_size=3), lambda inner: st.lists(inner, max_size=2), max_leaves=3
)
STATUS = st.dictionaries(st.sampled_from(["phase", "a/b", "c~d", "conditions"]), VALUES)


@given(STATUS, STATUS)
def test_a_patch_makes_the_new_status_and_nothing_else(old: Json, new: Json) -> None:
    vmi = {"metadata": {"uid": "u"}, "spec": {"x": 1}, "status": old}
    ops = status_patch(vmi, new)
    assert jsonpatch.apply_patch(vmi, ops) == {**vmi, "status": new}
    assert bool(ops) == (old != new)


def test_a_patch_for_another_object_of_the_name_fails() -> None:
    ops = status_patch({"metadata": {"uid": "u"}, "status": {}}, {"phase": "Running"})
    with pytest.raises(jsonpatch.JsonPatchTestFailed):
        jsonpatch.apply_patch({"metadata": {"uid": "other"}, "status": {}}, ops)


@pytest.mark.parametrize(
    ("known", "present", "written"),
    [(None, None, True), (None, "2:b", False), ("2:a", "2:a", True), ("2:a", "3:b", False)],
)
def test_who_knows_only_what_was_before_a_hand_over_writes_nothing(
    known: str | None, present: str | None, written: bool
) -> None:
    """An agent that has forgotten a guest which left learns of it anew from a watch that may be behind."""

    def shown(runner: str | None) -> Json:
        annotations = {"some": "other"} | ({ANNOTATION: runner} if runner else {})
        return {"metadata": {"uid": "u", "annotations": annotations}, "status": {"phase": "Running"}}

    old = shown(known)
    ops = [*runner_guard(old), *status_patch(old, {"phase": "Failed"})]
    if written:
        assert apply_patch(shown(present), ops)["status"]["phase"] == "Failed"
    else:
        with pytest.raises(PatchError):
            apply_patch(shown(present), ops)


def machine(binding: str = "masquerade", annotations: Json | None = None, **spec: Any) -> Json:
    interface = {"name": "default", binding: {}}
    return {
        "metadata": {"annotations": annotations or {}},
        "spec": {
            "domain": {"devices": {"interfaces": [interface]}}, "networks": [{"name": "default", "pod": {}}], **spec,
        },
    }  # fmt: skip


def reasons(vmi: Json) -> tuple[str, str]:
    live, storage = migratable.conditions_of(vmi)
    return live.reason, storage.reason


def test_bridge_on_the_pod_network_is_not_migratable_unless_allowed() -> None:
    assert reasons(machine()) == ("", "")
    assert reasons(machine("bridge")) == ("InterfaceNotLiveMigratable", "NotMigratable")
    assert reasons(machine("bridge", {"kubevirt.io/allow-pod-bridge-network-live-migration": ""})) == ("", "")


def test_claims_must_be_shared() -> None:
    claim = [{"name": "root", "persistentVolumeClaim": {"claimName": "c"}}]
    unknown = machine(volumes=claim)
    assert reasons(unknown) == ("DisksNotLiveMigratable", "")
    assert "Unable to determine if PVC c is shared" in migratable.conditions_of(unknown)[0].message

    def known(*modes: str) -> Json:
        info = {"name": "root", "persistentVolumeClaimInfo": {"accessModes": [*modes]}}
        return {**unknown, "status": {"volumeStatus": [info]}}

    assert reasons(known("ReadWriteOnce")) == ("DisksNotLiveMigratable", "")
    assert reasons(known("ReadWriteMany")) == ("", "")
    assert migratable.method_of(known("ReadWriteMany")) == "LiveMigration"
    assert migratable.method_of(known("ReadWriteOnce")) == "BlockMigration"


def test_readiness_comes_with_the_phase() -> None:
    ready = {"type": "Ready", "status": "True", "lastTransitionTime": NOW, "lastProbeTime": None}
    pod: Json = {"metadata": {}, "status": {"conditions": [ready]}}
    assert status.with_readiness({"phase": "Running"}, pod, NOW)["conditions"] == [ready]
    unready: Json = {"metadata": {}, "status": {"conditions": [{**ready, "status": "False"}]}}
    assert status.with_readiness({"phase": "Running"}, unready, NOW)["conditions"] == []
    (ended,) = status.with_readiness({"phase": "Succeeded", "conditions": [ready]}, pod, NOW)["conditions"]
    assert (ended["status"], ended["reason"]) == ("False", "GuestNotRunning")
    (gone,) = status.with_readiness({"phase": "Failed"}, None, NOW)["conditions"]
    assert gone["reason"] == "PodNotExists"


def test_a_patch_sets_and_removes_annotations_also_where_there_were_none() -> None:
    vmi: dict[str, Any] = {"metadata": {"uid": "u"}, "status": {}}
    ops = status_patch(vmi, {}, {}, {"a/b": "1"})
    assert ops[1:] == [
        {"op": "add", "path": "/metadata/annotations", "value": {}},
        {"op": "add", "path": "/metadata/annotations/a~1b", "value": "1"},
    ]
    assert status_patch(vmi, {}, {}, {"a/b": None}) == []
    vmi["metadata"]["annotations"] = {"a/b": "1"}
    assert [each["op"] for each in status_patch(vmi, {}, {}, {"a/b": None})] == ["test", "test", "remove"]
