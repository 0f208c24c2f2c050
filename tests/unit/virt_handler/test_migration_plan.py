"""A migration on one node: roles, the pod that matters, what the launcher is told. Its course is in tests/worlds."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from api.lens import apply_patch
from api.lens_patch import PatchError
from virt_handler.plan import guest, migration_request, migration_status, status
from virt_handler.plan.domain import Domain, Migration, Nic, Stage
from virt_handler.plan.guest_agent import Agent
from virt_handler.plan.migration_role import Role, move_of, pod_here, role_of
from virt_handler.plan.patch import announcement
from virt_handler.plan.steps import (
    Announce,
    CompleteMigration,
    Connect,
    HandOver,
    Kill,
    Launcher,
    Network,
    Observed,
    Receive,
    Relay,
    SetUpNetwork,
    Signal,
    TakeOver,
    Tell,
    WriteStatus,
)
from virt_model import labels, migration_progress, names
from virt_model.migration_progress import Progress, encoded
from virt_model.runner import ANNOTATION

Json = dict[str, Any]
OWN = names.launcher_pod_name("a", "vmi")


def pod(name: str, uid: str, job: str = "") -> Json:
    made: Json = {"namespace": "ns", "name": name, "uid": uid}
    return {"metadata": made | ({"labels": {labels.MIGRATION_JOB_UID: job}} if job else {})}


def vmi(runner: str = "", node: str = "a", **state: Any) -> Json:
    metadata: Json = {"namespace": "ns", "name": "a", "uid": "vmi"}
    if runner:
        metadata["annotations"] = {ANNOTATION: runner}
    status: Json = {"phase": "Running", "nodeName": node}
    if state:
        named = {"migrationUid": "job", "sourceNode": "a", "targetNode": "b", "targetPod": "target"}
        status["migrationState"] = named | state
    return {"metadata": metadata, "spec": {"domain": {}}, "status": status}


FIRST, TARGET = pod(OWN, "pod-a"), pod("target", "pod-b", "job")


@pytest.mark.parametrize(
    ("seen", "here", "node", "role"),
    [
        (vmi(), FIRST, "a", Role.RUNNER),
        (vmi(), None, "a", Role.RUNNER),
        (vmi(node=""), None, "a", Role.RUNNER),
        (vmi(), None, "b", Role.LEFT),
        (vmi(), TARGET, "b", Role.AWAITED),
        (vmi(mode=""), FIRST, "a", Role.SOURCE),
        (vmi(mode=""), TARGET, "b", Role.TARGET),
        (vmi(mode=""), pod("target", "pod-c", "next"), "b", Role.TARGET),
        (vmi("2:pod-b", mode=""), TARGET, "b", Role.TAKING),
        (vmi("2:pod-b", mode=""), FIRST, "a", Role.LEFT),
        (vmi("2:pod-b", mode=""), None, "a", Role.LEFT),
        (vmi("2:pod-b", node="b", completed=True), TARGET, "b", Role.RUNNER),
        (vmi("2:pod-b", node="b", completed=True), FIRST, "a", Role.LEFT),
        (vmi("2:pod-b", node="b", completed=True), pod("back", "pod-d", "next"), "a", Role.AWAITED),
        (vmi(completed=True, failed=True), FIRST, "a", Role.RUNNER),
        (vmi(completed=True, failed=True), TARGET, "b", Role.LEFT),
        (vmi("unreadable", mode=""), FIRST, "a", Role.LEFT),
    ],
)
def test_what_a_node_is_to_a_vmi(seen: Json, here: Json | None, node: str, role: Role) -> None:
    uid = here["metadata"]["uid"] if here else "pod-a"
    assert role_of(seen, here, uid, node) is role


def test_a_pod_that_an_earlier_migration_brought_has_been_left_by_the_next_one() -> None:
    moved_on = vmi("3:pod-c", migrationUid="next", targetNode="a", targetPod="back")
    moved_on["status"]["activePods"] = {"pod-a": "a", "pod-b": "b", "pod-c": "a"}
    assert role_of(moved_on, TARGET, "pod-b", "b") is Role.LEFT
    del moved_on["status"]["activePods"]["pod-b"]
    assert role_of(moved_on, TARGET, "pod-b", "b") is Role.AWAITED, "it was not handed over yet"


def test_the_pod_that_matters_is_the_runner_then_the_target_then_the_one_we_know() -> None:
    elsewhere = {"metadata": {"namespace": "other", "name": OWN, "uid": "x"}}
    impostor = pod("named-at-will", "y")
    pods = [elsewhere, impostor, TARGET, FIRST]
    assert pod_here(vmi(mode=""), pods, "") == FIRST
    assert pod_here(vmi(mode=""), [elsewhere, impostor, TARGET], "") == TARGET
    assert pod_here(vmi("2:pod-b", completed=True), pods, "pod-a") == TARGET
    assert pod_here(vmi("2:pod-z", completed=True), pods, "pod-a") == FIRST
    assert pod_here(vmi("2:pod-z", completed=True), [elsewhere, impostor], "") is None


def test_a_target_that_runs_for_nothing_comes_before_one_that_has_ended() -> None:
    ended = {**pod(names.target_pod_name("a", "job"), "pod-b", "job"), "status": {"phase": "Failed"}}
    waits = pod(names.target_pod_name("a", "next"), "pod-c", "next")
    seen = vmi(completed=True, failed=True)
    assert pod_here(seen, [ended, waits], "pod-b") == waits
    assert pod_here(seen, [ended, waits], "") == waits
    assert pod_here(seen, [ended, pod("named-at-will", "pod-c", "next")], "pod-b") == ended
    assert pod_here(seen, [ended], "") is None


def test_a_guest_is_shown_at_its_target_once_its_launcher_knows_it() -> None:
    taken = Migration(migration_uid="job", stage=Stage.TAKEN)
    moved = vmi("2:pod-b", startTimestamp="T", targetNodeDomainReadyTimestamp="T")
    here = {**TARGET, "spec": {"containers": [{"name": "compute", "image": "launcher:2"}]}}
    seen = Observed(
        vmi=moved, pod=here, role=Role.TAKING, node="b",
        launcher=Launcher.CONNECTED, network=Network.READY, domain=Domain(migration=taken), now=0.0, wall="T",
    )  # fmt: skip
    assert guest.plan(seen).actions == ()
    paused = Domain(status="paused", reason="user", migration=taken, interfaces=(Nic(name="default"),))
    first = guest.plan(msgspec.structs.replace(seen, domain=paused)).actions[0]
    assert isinstance(first, WriteStatus) and first.labels == {labels.NODE_NAME: "b"}
    assert [each["type"] for each in first.status["conditions"]] == ["Paused"]
    assert first.status["interfaces"] and first.status["nodeName"] == "b"
    assert first.status["launcherContainerImageVersion"] == "launcher:2"


@pytest.mark.parametrize("listed", [[], [{"type": "Paused", "status": "True", "reason": "PausedByUser"}]])
@pytest.mark.parametrize(("state", "why"), [("paused", "migration"), ("shutdown", "unknown")])
def test_standing_still_at_the_switch_neither_pauses_nor_unpauses(listed: list[Json], state: str, why: str) -> None:
    sending = Migration(migration_uid="job", stage=Stage.SENDING)
    seen = vmi(startTimestamp="T")
    seen["status"]["conditions"] = listed
    shown = status.running(seen, Domain(status=state, reason=why, migration=sending), {}, "T")
    assert [each["reason"] for each in shown["conditions"]] == [each["reason"] for each in listed]


@pytest.mark.parametrize(("held", "shown"), [(True, ["PausedByUser"]), (False, []), (None, ["PausedByUser"])])
def test_what_the_user_wants_is_known_at_the_switch_and_handed_over(held: bool | None, shown: list[str]) -> None:
    sending = Migration(migration_uid="job", stage=Stage.SENDING)
    seen = vmi(startTimestamp="T")
    if held is not True:
        seen["status"]["conditions"] = [{"type": "Paused", "status": "True", "reason": "PausedByUser"}]
    switching = Domain(status="paused", reason="migration", held=held, migration=sending)
    told = status.running(seen, switching, {}, "T")
    assert [each["reason"] for each in told["conditions"]] == shown
    sent = Migration(migration_uid="job", stage=Stage.SENT)
    left = Domain(status="shutoff", reason="migrated", held=held, migration=sent)
    gone = Observed(
        vmi=seen, pod=FIRST, role=Role.SOURCE, node="a", launcher=Launcher.CONNECTED, domain=left, now=0.0, wall="T"
    )
    (action,) = guest.plan(gone).actions
    assert isinstance(action, HandOver)
    assert [each["reason"] for each in action.status.get("conditions") or []] == shown


@pytest.mark.parametrize(
    ("agent", "noted"),
    [
        pytest.param(Agent(frozen=True, unfreeze_at=1000.7), {"podvirt.io/unfreeze-at": "1001"}, id="for a time"),
        pytest.param(Agent(frozen=True), {}, id="until its user unfreezes it"),
        pytest.param(Agent(unfreeze_at=1000.0), {}, id="not any more"),
        pytest.param(None, {}, id="no agent has spoken"),
    ],
)
def test_the_time_of_a_frozen_guest_is_handed_over(agent: Agent | None, noted: dict[str, str]) -> None:
    sent = Migration(migration_uid="job", stage=Stage.SENT)
    left = Domain(status="shutoff", reason="migrated", migration=sent, agent=agent)
    gone = Observed(
        vmi=vmi(startTimestamp="T"), pod=FIRST, role=Role.SOURCE, node="a", launcher=Launcher.CONNECTED, domain=left,
        now=0.0, wall="T",
    )  # fmt: skip
    (action,) = guest.plan(gone).actions
    assert isinstance(action, HandOver) and action.annotations == noted


@pytest.mark.parametrize(
    ("said", "left"),
    [("1000000060", 60.0), ("999999990", 1.0), ("9999999999", 86400.0), ("soon", 0.0), (None, 0.0)],
)
def test_the_time_of_a_frozen_guest_goes_on_where_it_comes(said: str | None, left: float) -> None:
    seen = vmi()
    seen["metadata"]["annotations"] = {} if said is None else {"podvirt.io/unfreeze-at": said}
    assert migration_status.unfreeze_after(seen, "2001-09-09T01:46:40Z") == left


def test_what_the_source_is_told() -> None:
    settings = {"bandwidthPerMigration": "64Mi", "completionTimeoutPerGiB": 100, "progressTimeout": 30}
    seen = vmi(migrationConfiguration=settings | {"maxDowntimeMs": 500, "allowAutoConverge": True})
    seen["spec"] = {"domain": {"memory": {"guest": "2Gi"}}, "volumes": [{"name": "d", "containerDisk": {}}]}
    move = move_of(seen)
    assert move is not None
    told = migration_request.terms(seen, move, 2)
    assert told.block
    assert (told.bandwidth, told.max_downtime_ms, told.auto_converge) == (64 * 2**20, 500, True)
    assert (told.completion_timeout, told.progress_timeout) == (300, 30), "2 GiB are 2.15 GB, three are begun"
    assert not told.allow_workload_disruption and not told.unsafe
    disturbing = msgspec.structs.replace(move, configuration={"allowWorkloadDisruption": True})
    assert migration_request.terms(seen, disturbing, 2).allow_workload_disruption
    reckless = msgspec.structs.replace(move, configuration={"unsafeMigrationOverride": True})
    assert migration_request.terms(seen, reckless, 2).unsafe


LIMITED: Json = {"resources": {"limits": {"cpu": "100m"}}}
DEDICATED: Json = {"cpu": {"dedicatedCpuPlacement": True}}


@pytest.mark.parametrize(
    ("domain", "settings", "cpus", "connections"),
    [
        ({}, {}, 64, 8),
        ({}, {"bandwidthPerMigration": "0"}, 4, 4),
        ({}, {}, 1, 1),
        (LIMITED, {}, 64, 1),
        ({"resources": {"limits": {"cpu": "0"}}}, {}, 64, 8),
        (DEDICATED, {}, 64, 1),
        ({}, {"bandwidthPerMigration": "1Mi"}, 64, 1),
        ({}, {"allowPostCopy": True}, 64, 1),
    ],
)
def test_memory_goes_over_as_many_connections_as_cpus_are_left_for_them(
    domain: Json, settings: Json, cpus: int, connections: int
) -> None:
    seen = vmi(migrationConfiguration=settings)
    seen["spec"] = {"domain": domain}
    move = move_of(seen)
    assert move is not None
    assert migration_request.terms(seen, move, cpus).connections == connections


def test_without_settings_the_defaults_of_the_original_hold() -> None:
    seen = vmi(mode="")
    move = move_of(seen)
    assert move is not None
    told = migration_request.terms(seen, move, 2)
    assert (told.block, told.bandwidth, told.completion_timeout, told.progress_timeout) == (False, 0, 150, 150)


@pytest.mark.parametrize(
    ("wall", "shown_at", "written"),
    [
        ("2027-01-15T08:00:04Z", "", False),
        ("2027-01-15T08:00:05Z", "", True),
        ("2027-01-15T08:00:13Z", "2027-01-15T08:00:10Z", False),
        ("2027-01-15T08:00:15Z", "2027-01-15T08:00:10Z", True),
    ],
)
def test_progress_is_shown_once_in_a_while_and_never_of_a_short_migration(
    wall: str, shown_at: str, written: bool
) -> None:
    progress = Progress(migration_uid="job", data_total=100, data_remaining=40)
    moving = vmi(startTimestamp="2027-01-15T08:00:00Z", targetDirectMigrationNodePorts={"1": 0})
    if shown_at:
        text = encoded(msgspec.structs.replace(progress, at=shown_at))
        moving["metadata"]["annotations"] = {migration_progress.ANNOTATION: text}
    sending = Migration(migration_uid="job", stage=Stage.SENDING, progress=progress)
    seen = Observed(
        vmi=moving, pod=FIRST, role=Role.SOURCE, node="a", launcher=Launcher.CONNECTED, network=Network.READY,
        domain=Domain(status="running", migration=sending), now=0.0, wall=wall,
    )  # fmt: skip
    written_now = [each for each in guest.plan(seen).actions if isinstance(each, WriteStatus) and each.annotations]
    assert bool(written_now) is written
    if written:
        moving["metadata"]["annotations"] = dict(written_now[0].annotations)
        assert migration_progress.progress_of(moving, "job") == msgspec.structs.replace(progress, at=wall)
        assert migration_progress.progress_of(moving, "another") is None
        over = Migration(migration_uid="job", stage=Stage.FAILED, error="no route", progress=progress)
        failed = guest.plan(msgspec.structs.replace(seen, domain=Domain(status="running", migration=over))).actions[1]
        assert isinstance(failed, WriteStatus)
        assert failed.annotations == migration_status.OVER_ANNOTATIONS


def leaving(force: str = "", retry_at: float = 0.0, mode: str = "PreCopy", **report: Any) -> Observed:
    """A source whose launcher sends."""
    moving = vmi(startTimestamp="2027-01-15T08:00:00Z", mode=mode, targetDirectMigrationNodePorts={"1": 0})
    moving["metadata"]["annotations"] = {labels.FORCE_COMPLETE: force}
    return Observed(
        vmi=moving, pod=FIRST, role=Role.SOURCE, node="a", launcher=Launcher.CONNECTED, network=Network.READY,
        domain=Domain(status="running", migration=Migration(migration_uid="job", stage=Stage.SENDING, **report)),
        now=0.0, wall="2027-01-15T08:00:01Z", retry_at=retry_at,
    )  # fmt: skip


def test_whose_end_is_asked_for_stands_still_until_it_has_moved() -> None:
    assert guest.plan(leaving(force="job")).actions == (CompleteMigration(),)
    assert CompleteMigration() not in guest.plan(leaving(force="an earlier one")).actions
    assert CompleteMigration() not in guest.plan(leaving(force="job", retry_at=5.0)).actions, "it was just refused"


@pytest.mark.parametrize(
    ("problem", "reason"),
    [("", "End of file"), ("no connection to virt-handler of b", "no connection to virt-handler of b (End of file)")],
)
def test_a_way_that_could_not_be_made_is_why_it_failed(problem: str, reason: str) -> None:
    over = Domain(status="running", migration=Migration(migration_uid="job", stage=Stage.FAILED, error="End of file"))
    relay = Relay(migration_uid="job", problem=problem)
    (told,) = (
        each
        for each in guest.plan(msgspec.structs.replace(leaving(), domain=over, relay=relay)).actions
        if isinstance(each, WriteStatus)
    )
    assert told.status["migrationState"]["failureReason"] == reason


def test_standing_still_is_told_once() -> None:
    written, told = guest.plan(leaving(standing=True)).actions
    assert isinstance(written, WriteStatus) and written.status["migrationState"]["mode"] == "Paused"
    assert isinstance(told, Tell) and told.message == "The guest stands still until it has moved."
    again = guest.plan(leaving(force="job", standing=True, mode="Paused")).actions
    assert CompleteMigration() not in again and told not in again


def awaited(*, answers: str = "job", **more: Any) -> Observed:
    """A target whose migration was not handed over yet."""
    seen = {"launcher": Launcher.CONNECTED, "domain": Domain(status="absent"), "network": Network.READY, **more}
    before = vmi("1:pod-a")
    before["metadata"]["annotations"][labels.TARGET_ANSWERS] = answers
    return Observed(vmi=before, **{"pod": TARGET, **seen}, role=Role.AWAITED, node="b", now=0.0, wall="T")


GOES = {"metadata": {**TARGET["metadata"], "deletionTimestamp": "T"}}
WAITS = Domain(status="absent", migration=Migration(migration_uid="job", stage=Stage.WAITING))


@pytest.mark.parametrize(
    ("seen", "actions"),
    [
        (awaited(launcher=Launcher.UNSEEN, domain=None), ()),
        (awaited(launcher=Launcher.READY, domain=None), (Connect(),)),
        (awaited(answers="earlier", network=Network.NONE), (Announce("job"),)),
        (awaited(network=Network.NONE), (SetUpNetwork(),)),
        (awaited(), (Receive("job"),)),
        (awaited(domain=WAITS), ()),
        (awaited(problem="no space left on device"), ()),
        (awaited(pod=GOES, answers="earlier"), ()),
    ],
    ids=["no launcher", "socket", "it answers", "network", "receives", "ready", "a problem", "called off"],
)
def test_a_target_is_made_ready_before_its_migration_is_handed_over(seen: Observed, actions: tuple[Any, ...]) -> None:
    assert guest.plan(seen).actions == actions


def test_that_a_target_answers_is_said_only_into_the_vmi_that_was_seen() -> None:
    before = vmi("1:pod-a")
    said = apply_patch(before, announcement(before, "job"))
    assert said["metadata"]["annotations"] == {ANNOTATION: "1:pod-a", labels.TARGET_ANSWERS: "job"}
    for later in (vmi("1:pod-a", startTimestamp=""), vmi("2:pod-b")):
        with pytest.raises(PatchError):
            apply_patch(later, announcement(before, "job"))


def switched(role: Role, here: Json, stage: Stage, runner: str = "2:pod-b", **more: Any) -> Observed:
    """A guest that was switched to post-copy, seen from one side."""
    moving = vmi(runner, startTimestamp="T", mode="PostCopy", targetDirectMigrationNodePorts={"1": 0})
    moving["status"]["interfaces"] = [{"name": "default", "ipAddress": "10.0.0.1", "mac": "02:00"}]
    told = Migration(
        migration_uid="job", stage=stage, post_copy=role in (Role.SOURCE, Role.LEFT), error="no more pages"
    )
    domain = Domain(status="absent" if role is Role.TAKING else "paused", reason="postcopy", migration=told)
    return Observed(
        vmi=moving, pod=here, role=role, node="a" if here is FIRST else "b", launcher=Launcher.CONNECTED, domain=domain,
        network=Network.READY, addresses={"default": ("10.0.0.2", "fd00::2")}, now=0.0, wall="T", **more,
    )  # fmt: skip


def test_a_switched_guest_is_handed_over_and_its_memory_kept() -> None:
    (action,) = guest.plan(switched(Role.SOURCE, FIRST, Stage.SWITCHED, runner="")).actions
    assert isinstance(action, HandOver) and action.status["migrationState"]["mode"] == "PostCopy"
    kept = switched(Role.LEFT, FIRST, Stage.SWITCHED)
    assert guest.plan(kept).actions == ()
    assert kept.vmi is not None
    over = {**kept.vmi, "status": {**kept.vmi["status"], "phase": "Failed"}}
    for ended in (msgspec.structs.replace(kept, vmi=over), switched(Role.LEFT, FIRST, Stage.FAILED)):
        assert isinstance(guest.plan(ended).actions[-1], Kill)


def test_it_is_shown_at_the_target_while_it_fetches_its_memory() -> None:
    assert guest.plan(switched(Role.TAKING, TARGET, Stage.SWITCHED)).actions == (TakeOver(paused=False),)
    fetching = switched(Role.TAKING, TARGET, Stage.FETCHING)
    write, _ = guest.plan(fetching).actions
    assert isinstance(write, WriteStatus) and write.labels == {labels.NODE_NAME: "b"}
    state = write.status["migrationState"]
    assert state["targetNodeDomainReadyTimestamp"] == "T" and "endTimestamp" not in state
    (nic,) = write.status["interfaces"]
    assert (nic["ipAddress"], nic["ipAddresses"], nic["mac"]) == ("10.0.0.2", ["10.0.0.2", "fd00::2"], "02:00")
    assert fetching.vmi is not None
    shown = msgspec.structs.replace(fetching, vmi={**fetching.vmi, "status": write.status})
    assert guest.plan(shown).actions == ()
    deleted = {**fetching.vmi, "metadata": {**fetching.vmi["metadata"], "deletionTimestamp": "T"}}
    assert guest.plan(msgspec.structs.replace(shown, vmi=deleted)).actions[0] == Signal()


def test_a_guest_that_its_user_paused_is_not_let_run_ahead() -> None:
    waits = switched(Role.TAKING, TARGET, Stage.SWITCHED)
    assert waits.vmi is not None
    waits.vmi["status"]["conditions"] = [{"type": "Paused", "status": "True", "reason": "PausedByUser"}]
    assert guest.plan(waits).actions == ()
    whole = switched(Role.TAKING, TARGET, Stage.RECEIVED)
    assert whole.vmi is not None
    whole.vmi["status"]["conditions"] = waits.vmi["status"]["conditions"]
    assert guest.plan(whole).actions == (TakeOver(paused=True),)


@pytest.mark.parametrize(
    ("role", "here", "runner", "why"),
    [
        (Role.SOURCE, FIRST, "", "no more pages"),
        (Role.TAKING, TARGET, "2:pod-b", "no more pages"),
    ],
)
def test_a_guest_whose_memory_is_split_is_lost_with_either_side(role: Role, here: Json, runner: str, why: str) -> None:
    seen = switched(role, here, Stage.FAILED, runner)
    write, *told = guest.plan(seen).actions
    assert isinstance(write, WriteStatus)
    assert (write.status["phase"], write.status["reason"]) == ("Failed", "PostcopyFailed")
    state = write.status["migrationState"]
    assert (state["completed"], state["failed"], state["failureReason"]) == (True, True, f"PostcopyFailed: {why}")
    assert told[-1] == Tell("Warning", "PostcopyFailed", why)


def test_a_dead_target_is_the_end_of_a_guest_that_was_switched() -> None:
    seen = msgspec.structs.replace(switched(Role.TAKING, TARGET, Stage.FETCHING), launcher=Launcher.DEAD)
    write = guest.plan(seen).actions[0]
    assert (
        isinstance(write, WriteStatus) and "launcher of the target" in write.status["migrationState"]["failureReason"]
    )
