"""The migration controller, driven through whole migrations; the agents' part is played."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from api.lens_patch import apply_patch
from api.time import format_time
from tests.unit.virt_controller.objects import NOW
from virt_controller.plan import migration as planner
from virt_controller.plan.actions import Action, Create, Delete, Event, Kind, Patch, Question, Refusal
from virt_controller.plan.migration_policy import Manner
from virt_controller.plan.migration_world import Migration, MigrationWorld
from virt_model import labels, names
from virt_model.config import ClusterConfig
from virt_model.migration_settings import settings_of
from virt_model.runner import ANNOTATION
from virt_model.seen import Pod, Vmi

Json = dict[str, Any]
OWN = names.launcher_pod_name("m", "vmi-uid")
TARGET = names.target_pod_name("m", "job")
NO_PLACE = {
    "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/2 nodes are available",
}  # fmt: skip
OWNER = {"kind": "VirtualMachineInstance", "name": "m", "uid": "vmi-uid", "controller": True}


def vmi(**status: Any) -> Json:
    metadata = {"namespace": "ns", "name": "m", "uid": "vmi-uid", "resourceVersion": "7", "labels": {"app": "m"}}
    spec = {"domain": {"devices": {}, "resources": {"requests": {"memory": "64Mi"}}}, "architecture": "amd64"}
    ran = {"phase": "Running", "nodeName": "node1", "machine": {"type": "pc-q35-11.1"}}
    return {"metadata": metadata, "spec": spec, "status": ran | status}


def pod(name: str, uid: str, node: str, job: str = "", phase: str = "Running", **status: Any) -> Json:
    marked = {labels.CREATED_BY: "vmi-uid", **({labels.MIGRATION_JOB_UID: job} if job else {})}
    metadata = {
        "namespace": "ns", "name": name, "uid": uid, "labels": marked, "ownerReferences": [OWNER],
        "creationTimestamp": format_time(NOW), "annotations": {labels.MEMORY_OVERHEAD: "1048576"},
    }  # fmt: skip
    running = {"containerStatuses": [{"name": "compute", "state": {"running": {}}}]} if phase == "Running" else {}
    return {"metadata": metadata, "spec": {"nodeName": node}, "status": {"phase": phase, **running, **status}}


def migration(phase: str = "", name: str = "mig", uid: str = "job", **changes: Any) -> Json:
    metadata = {
        "namespace": "ns", "name": name, "uid": uid, "resourceVersion": "1", "creationTimestamp": format_time(NOW),
        "finalizers": [labels.MIGRATION_FINALIZER], **changes.pop("metadata", {}),
    }  # fmt: skip
    return {"metadata": metadata, "spec": {"vmiName": "m", **changes}, "status": {"phase": phase} if phase else {}}


class Cluster:
    """What the API holds; `settle` lets the controller work until it has nothing to do."""

    def __init__(self, *others: Json, config: ClusterConfig | None = None) -> None:
        self.migration, self.vmi = migration(), vmi()
        self.pods: dict[str, Json] = {OWN: pod(OWN, "pod-a", "node1")}
        self.others = others
        self.config = config or ClusterConfig()
        self.manner = Manner(settings=self.config.migrations)
        self.now = NOW
        self.events: list[str] = []
        self.told: list[str] = []  # where there was nothing to do
        self.phases: list[str] = []
        self.deleted: list[str] = []
        self.refuse: Refusal | None = None

    def world(self, *, live: bool = False) -> MigrationWorld:
        return MigrationWorld(
            migration=Migration(self.migration), vmi=Vmi(self.vmi), pods=tuple(map(Pod, self.pods.values())),
            others=tuple(map(Migration, self.others)),
            nodes_of={each["metadata"]["uid"]: "node1" for each in self.others},
            node_labels={
                "host-model-cpu.node.kubevirt.io/EPYC": "true", "cpu-vendor.node.kubevirt.io/AMD": "true",
                "host-model-required-features.node.kubevirt.io/npt": "true",
            },
            live=live, config=self.config, launcher_image="launcher:1", now=self.now,
        )  # fmt: skip

    def settle(self) -> float | None:
        for _ in range(20):
            plan = planner.plan(self.world())
            if plan.ask is Question.LIVE:
                plan = planner.plan(self.world(live=True))
            if plan.ask is Question.MANNER:
                plan = planner.plan(msgspec.structs.replace(self.world(live=True), manner=self.manner))
            if plan.action is None:
                self.told += [_line(event) for event in plan.events]
                return plan.again_in
            self._perform(plan.action)
        raise AssertionError("it does not settle")

    def _perform(self, action: Action) -> None:
        self.events += [_line(event) for event in action.events]
        if isinstance(action, Create):
            made = action.body
            made["metadata"] |= {"uid": "pod-b", "creationTimestamp": format_time(self.now)}
            self.pods[made["metadata"]["name"]] = {**made, "status": {"phase": "Pending"}}
        elif isinstance(action, Delete):
            self.deleted.append(action.name)
            self.pods.pop(action.name, None)
            self.others = tuple(each for each in self.others if each["metadata"]["uid"] != action.uid)
        elif isinstance(action, Patch) and action.kind is Kind.MIGRATION:
            door = action.subresource
            assert all(op["path"].startswith(("/status", "/metadata/resourceVersion")) for op in action.ops) or not door
            self.migration = apply_patch(self.migration, action.ops)
            self.phases.append(self.migration["status"].get("phase", ""))
        elif isinstance(action, Patch):
            self.vmi = apply_patch(self.vmi, action.ops)

    def agents(self, **state: Any) -> None:
        self.vmi["status"]["migrationState"] |= state

    def target_runs(self) -> None:
        self.pods[TARGET] = pod(TARGET, "pod-b", "node2", "job")


def _line(event: Event) -> str:
    return f"{event.type} {event.reason}: {event.message}"


def at_the_agents() -> Cluster:
    cluster = Cluster()
    cluster.settle()
    cluster.target_runs()
    cluster.settle()
    return cluster


def test_a_whole_migration_goes_through_the_phases_of_the_original() -> None:
    cluster = at_the_agents()
    state = cluster.vmi["status"]["migrationState"]
    assert (state["sourceNode"], state["sourcePod"], state["targetNode"], state["targetPod"]) == (
        "node1", OWN, "node2", TARGET,
    )  # fmt: skip
    assert state["targetMemoryOverhead"] == "1024Ki" and state["migrationConfiguration"]["progressTimeout"] == 150
    assert cluster.vmi["metadata"]["labels"][labels.MIGRATION_TARGET_NODE_NAME] == "node2"
    assert cluster.vmi["status"]["activePods"] == {"pod-b": "node2"}
    cluster.agents(targetNodeAddress="10.0.0.2", targetDirectMigrationNodePorts={"4000": 0})
    cluster.settle()
    cluster.agents(startTimestamp="T")
    cluster.settle()
    cluster.vmi["metadata"]["annotations"] = {ANNOTATION: "2:pod-b"}
    cluster.agents(completed=True, endTimestamp="T")
    cluster.settle()
    seen = list(dict.fromkeys(cluster.phases))
    assert seen == ["Pending", "Scheduling", "Scheduled", "PreparingTarget", "TargetReady", "Running", "Succeeded"]
    assert cluster.migration["status"]["migrationState"] == cluster.vmi["status"]["migrationState"]
    assert not cluster.migration["metadata"]["finalizers"]
    assert cluster.events == [
        f"Normal SuccessfulCreate: Created migration target pod {TARGET}",
        "Normal SuccessfulHandOver: Migration target pod is ready for preparation by virt-handler.",
        "Normal SuccessfulMigration: Source node reported migration succeeded",
    ]


@pytest.mark.parametrize("over", [False, True])
def test_a_controller_that_is_slower_than_the_agents_still_shows_each_phase(over: bool) -> None:
    cluster = at_the_agents()
    cluster.agents(targetNodeAddress="10.0.0.2", startTimestamp="T")
    if over:
        cluster.agents(completed=True, endTimestamp="T")
    cluster.settle()
    assert list(dict.fromkeys(cluster.phases))[3:] == [
        "PreparingTarget", "TargetReady", "Running", *(["Succeeded"] if over else [])
    ]  # fmt: skip
    moments = [each["phase"] for each in cluster.migration["status"]["phaseTransitionTimestamps"]]
    assert {"PreparingTarget", "TargetReady", "Running"} <= set(moments)


def test_one_that_has_failed_is_not_shown_as_running_first() -> None:
    cluster = at_the_agents()
    cluster.agents(targetNodeAddress="10.0.0.2", startTimestamp="T", completed=True, failed=True, failureReason="x")
    cluster.settle()
    assert list(dict.fromkeys(cluster.phases))[3:] == ["PreparingTarget", "Failed"]


def test_one_that_is_over_is_not_asked_to_stop() -> None:
    cluster = at_the_agents()
    cluster.agents(targetNodeAddress="10.0.0.2", startTimestamp="T", completed=True, endTimestamp="T")
    cluster.migration["metadata"]["deletionTimestamp"] = format_time(NOW)
    cluster.settle()
    assert cluster.phases[-1] == "Succeeded" and "abortRequested" not in cluster.vmi["status"]["migrationState"]


def test_the_target_is_the_launcher_pod_once_more_elsewhere_and_on_a_like_machine() -> None:
    cluster = Cluster()
    cluster.migration["spec"]["addedNodeSelector"] = {"disk": "fast", "kubernetes.io/arch": "arm64"}
    cluster.settle()
    made = cluster.pods[TARGET]
    selector = made["spec"]["nodeSelector"]
    assert selector["machine-type.node.kubevirt.io/pc-q35-11.1"] == "true"
    assert not [key for key in selector if key == "machine-type.node.kubevirt.io/q35"]
    assert (selector["disk"], selector["kubernetes.io/arch"]) == ("fast", "amd64"), "it adds, it does not replace"
    assert selector["cpu-model-migration.node.kubevirt.io/EPYC"] == "true"
    assert selector["cpu-feature.node.kubevirt.io/npt"] == selector["cpu-vendor.node.kubevirt.io/AMD"] == "true"
    rule = made["spec"]["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"][-1]
    assert rule["labelSelector"] == {"matchLabels": {labels.CREATED_BY: "vmi-uid"}}
    assert made["metadata"]["labels"][labels.MIGRATION_JOB_UID] == "job"
    assert made["metadata"]["annotations"]["kubevirt.io/migrationJobName"] == "mig"


def active(number: int, vmi_name: str = "x") -> Json:
    other = migration("Running", f"other-{number}", f"uid-{number}")
    other["spec"]["vmiName"] = f"{vmi_name}{number}"
    return other


@pytest.mark.parametrize(
    ("others", "settings", "goes"),
    [
        (1, {}, True),
        (2, {}, False),  # two leave the node
        (2, {"parallelOutboundMigrationsPerNode": 3}, True),
        (5, {"parallelOutboundMigrationsPerNode": 9}, False),  # five in the cluster
        (5, {"parallelOutboundMigrationsPerNode": 9, "parallelMigrationsPerCluster": 6}, True),
    ],
)
def test_limits(others: int, settings: Json, goes: bool) -> None:
    config = ClusterConfig(migrations=settings_of(settings))
    cluster = Cluster(*map(active, range(others)), config=config)
    again = cluster.settle()
    assert (TARGET in cluster.pods) is goes
    assert goes or again == 3.0


def test_who_waits_with_a_higher_priority_goes_first() -> None:
    urgent = migration("Pending", "urgent", "uid-u", priority="system-critical")
    urgent["spec"]["vmiName"] = "other"
    cluster = Cluster(active(1), urgent)
    cluster.settle()
    assert TARGET not in cluster.pods
    relaxed = msgspec.json.decode(msgspec.json.encode(urgent))
    relaxed["spec"]["priority"] = "system-maintenance"
    cluster = Cluster(active(1), relaxed)
    cluster.settle()
    assert TARGET in cluster.pods


def answered() -> Cluster:
    """The target's launcher runs, and its agent has said so; the kubelet has not."""
    cluster = Cluster()
    cluster.settle()
    cluster.pods[TARGET] = pod(TARGET, "pod-b", "node2", "job", phase="Pending")
    cluster.vmi["metadata"]["annotations"] = {labels.TARGET_ANSWERS: "job", "mine": "stays"}
    return cluster


def test_a_target_that_answers_its_agent_is_handed_over_before_the_kubelet_tells() -> None:
    cluster = answered()
    cluster.settle()
    assert list(dict.fromkeys(cluster.phases))[2:] == ["Scheduled", "PreparingTarget"]
    assert cluster.vmi["status"]["migrationState"]["targetPod"] == TARGET
    assert cluster.vmi["metadata"]["annotations"] == {"mine": "stays"}


def test_the_answer_of_another_migrations_target_says_nothing() -> None:
    cluster = answered()
    cluster.vmi["metadata"]["annotations"] = {labels.TARGET_ANSWERS: "other"}
    cluster.settle()
    assert cluster.phases[-1] == "Scheduling"


def test_of_one_that_is_called_off_no_answer_is_left() -> None:
    cluster = answered()
    cluster.migration["metadata"]["deletionTimestamp"] = "2026-11-26T00:00:00Z"
    cluster.settle()
    assert cluster.phases[-1] == "Failed" and not cluster.migration["metadata"]["finalizers"]
    assert cluster.vmi["metadata"]["annotations"] == {"mine": "stays"}


def test_called_off_before_the_agents_knew() -> None:
    cluster = Cluster()
    cluster.settle()
    cluster.migration["metadata"]["deletionTimestamp"] = format_time(NOW)
    cluster.settle()
    assert cluster.deleted == [TARGET] and not cluster.migration["metadata"]["finalizers"]
    assert cluster.migration["status"]["conditions"][0]["type"] == "migrationAbortRequested"
    assert cluster.events[1:] == [
        f"Normal SuccessfulDelete: migration canceled and pod ns/{TARGET} is deleted",
        "Warning FailedMigration: Migration failed due to being canceled",
    ]
    assert "migrationState" not in cluster.vmi["status"]


def test_called_off_later_the_agents_are_asked_and_decide() -> None:
    cluster = at_the_agents()
    cluster.agents(targetNodeAddress="10.0.0.2", startTimestamp="T")
    cluster.migration["metadata"]["deletionTimestamp"] = format_time(NOW)
    cluster.settle()
    assert cluster.vmi["status"]["migrationState"]["abortRequested"] is True
    assert cluster.migration["metadata"]["finalizers"], "it waits for their answer"
    cluster.agents(
        completed=True, failed=True, failureReason="Live migration has been aborted", abortStatus="Succeeded"
    )
    cluster.settle()
    assert cluster.phases[-1] == "Failed" and not cluster.migration["metadata"]["finalizers"]
    assert cluster.events[-1] == "Warning FailedMigration: source node reported migration failed"


def test_a_target_that_ends_before_the_start_fails_the_migration_and_frees_the_vmi() -> None:
    cluster = at_the_agents()
    cluster.pods[TARGET] = pod(TARGET, "pod-b", "node2", "job", phase="Failed")
    cluster.settle()
    state = cluster.vmi["status"]["migrationState"]
    assert (state["completed"], state["failed"], state["failureReason"]) == (True, True, "Target pod is down")
    assert labels.MIGRATION_TARGET_NODE_NAME not in cluster.vmi["metadata"]["labels"]
    assert cluster.phases[-1] == "Failed"


def test_a_target_whose_node_has_died_before_the_start_fails_the_migration_too() -> None:
    """The node lifecycle controller asks for the pod's end, and no kubelet is there to answer."""
    cluster = at_the_agents()
    cluster.pods[TARGET]["metadata"]["deletionTimestamp"] = "2026-11-27T00:00:00Z"
    cluster.settle()
    assert cluster.vmi["status"]["migrationState"]["failureReason"] == "Target pod is down"
    assert cluster.phases[-1] == "Failed"


def test_after_the_start_only_the_agents_say_how_it_ended() -> None:
    cluster = at_the_agents()
    cluster.agents(targetNodeAddress="10.0.0.2", startTimestamp="T")
    cluster.pods[TARGET] = pod(TARGET, "pod-b", "node2", "job", phase="Failed")
    cluster.settle()
    assert "completed" not in cluster.vmi["status"]["migrationState"]


@pytest.mark.parametrize(
    ("conditions", "annotations", "seconds"),
    [
        ([NO_PLACE], {}, 300),
        ([], {}, 900),
        ([], {"kubevirt.io/migrationPendingPodTimeoutSeconds": "20"}, 20),
        ([NO_PLACE], {"kubevirt.io/migrationUnschedulablePodTimeoutSeconds": "10"}, 10),
    ],
)
def test_a_target_that_does_not_start_is_given_up_in_time(conditions: Any, annotations: Json, seconds: int) -> None:
    cluster = Cluster()
    cluster.migration["metadata"]["annotations"] = annotations
    cluster.settle()
    cluster.pods[TARGET]["status"]["conditions"] = conditions
    assert cluster.settle() == pytest.approx(seconds, abs=1)
    text = "Warning migrationTargetPodUnschedulable: Migration target pod for VMI [ns/m] is currently unschedulable."
    assert cluster.told == ([text] if conditions else [])
    cluster.now += seconds + 1
    cluster.settle()
    assert cluster.phases[-1] == "Failed" and cluster.deleted == [TARGET]
    because = ": Unschedulable: 0/2 nodes are available" if conditions else ""
    _says_why(cluster, f"the target's pod did not start in time{because}")


def _says_why(cluster: Cluster, reason: str) -> None:
    """On both objects, and in an Event."""
    for each in (cluster.vmi, cluster.migration):
        state = each["status"]["migrationState"]
        assert (state["migrationUid"], state["completed"], state["failed"]) == ("job", True, True)
        assert state["failureReason"] == reason
    assert cluster.events[-1] == f"Warning FailedMigration: Migration failed: {reason}"


def test_a_target_that_waits_for_an_image_says_which() -> None:
    cluster = Cluster()
    cluster.settle()
    waiting = {"waiting": {"reason": "ErrImageNeverPull", "message": "image here:1 is not present"}}
    cluster.pods[TARGET]["status"]["containerStatuses"] = [{"name": "compute", "state": waiting}]
    cluster.now += 901
    cluster.settle()
    _says_why(cluster, "the target's pod did not start in time: ErrImageNeverPull: image here:1 is not present")


def test_a_target_that_ends_before_the_agents_know_says_how() -> None:
    cluster = Cluster()
    cluster.settle()
    cluster.pods[TARGET]["status"] = {"phase": "Failed", "reason": "OutOfmemory", "message": "no room"}
    cluster.settle()
    _says_why(cluster, "Target pod is down: the launcher pod failed: OutOfmemory: no room")


def test_one_that_fails_before_the_agents_know_leaves_another_ones_state_alone() -> None:
    cluster = Cluster()
    cluster.settle()
    other = {"migrationUid": "other", "targetPod": "there"}
    cluster.vmi["status"]["migrationState"] = other
    cluster.now += 901
    cluster.settle()
    assert cluster.phases[-1] == "Failed" and cluster.vmi["status"]["migrationState"] == other


@pytest.mark.parametrize("gone", ["deleted", "Succeeded"])
def test_a_vmi_that_ends_takes_the_migration_along(gone: str) -> None:
    cluster = Cluster()
    cluster.settle()
    if gone == "deleted":
        cluster.vmi["metadata"]["deletionTimestamp"] = format_time(NOW)
    else:
        cluster.vmi["status"]["phase"] = gone
    cluster.settle()
    assert cluster.phases[-1] == "Failed" and not cluster.migration["metadata"]["finalizers"]


def test_a_vmi_that_cannot_move_fails_the_migration() -> None:
    cluster = Cluster()
    cluster.vmi["status"]["conditions"] = [{"type": "LiveMigratable", "status": "False", "reason": "x", "message": "y"}]
    cluster.settle()
    assert cluster.phases == ["Pending", "Failed", "Failed"] and TARGET not in cluster.pods


def test_a_refused_pod_is_told_and_tried_again() -> None:
    cluster = Cluster()
    cluster.migration = migration("Pending")
    world = cluster.world(live=True)
    asked = planner.plan(world).action
    assert isinstance(asked, Create)
    refusal = Refusal(action=asked, reason="Forbidden", message="exceeded quota")
    told = planner.plan(msgspec.structs.replace(world, refusal=refusal)).action
    assert isinstance(told, Patch)
    found = apply_patch(cluster.migration, told.ops)["status"]["conditions"]
    assert (found[0]["type"], found[0]["message"]) == ("migrationRejectedByResourceQuota", "exceeded quota")


def test_five_finished_ones_of_a_vmi_are_kept() -> None:
    old = [migration("Succeeded", f"old-{n}", f"uid-{n}") for n in range(7)]
    for number, each in enumerate(old):
        each["metadata"] |= {"creationTimestamp": format_time(NOW - 100 + number), "finalizers": []}
    cluster = Cluster(*old)
    cluster.migration = migration("Succeeded")
    cluster.migration["metadata"]["finalizers"] = []
    cluster.settle()
    assert cluster.deleted == ["old-0", "old-1", "old-2"]


def test_two_of_one_guest_go_one_after_the_other() -> None:
    first = migration("Pending", "first", "aaa")
    cluster = Cluster(first)
    assert cluster.settle() == 3.0 and TARGET not in cluster.pods
    cluster.others = ()
    cluster.settle()
    assert TARGET in cluster.pods


def test_nothing_is_handed_over_into_a_migration_that_is_under_way() -> None:
    cluster = Cluster()
    cluster.settle()
    cluster.target_runs()
    other = {"migrationUid": "other", "targetPod": "elsewhere", "startTimestamp": "T"}
    cluster.vmi["status"]["migrationState"] = dict(other)
    assert cluster.settle() == 3.0
    assert cluster.vmi["status"]["migrationState"] == other
    cluster.agents(completed=True)
    cluster.settle()
    assert cluster.vmi["status"]["migrationState"]["migrationUid"] == "job"


def test_a_hand_over_needs_the_very_vmi_that_was_looked_at() -> None:
    cluster = Cluster()
    cluster.settle()
    cluster.target_runs()
    cluster.migration["status"]["phase"] = "Scheduled"
    assert planner.plan(cluster.world()).ask is Question.LIVE
    looked = cluster.world(live=True)
    assert planner.plan(looked).ask is Question.MANNER
    action = planner.plan(msgspec.structs.replace(looked, manner=cluster.manner)).action
    assert isinstance(action, Patch)
    assert {"op": "replace", "path": "/metadata/resourceVersion", "value": "7"} in action.ops


def test_a_vmi_that_does_not_tell_of_it_any_more_does_not_send_it_back() -> None:
    cluster = at_the_agents()
    del cluster.vmi["status"]["migrationState"]
    assert planner.plan(cluster.world()).ask is Question.LIVE, "it may be an old VMI"
    cluster.settle()
    assert cluster.phases[-1] == "Failed"


def test_events_name_the_migration() -> None:
    action = planner.plan(
        msgspec.structs.replace(Cluster().world(live=True), migration=Migration(migration("Pending")), vmi=None)
    ).action
    assert isinstance(action, Patch)
    assert all(isinstance(event, Event) and event.about["metadata"]["uid"] == "job" for event in action.events)


def test_one_that_shall_get_done_is_passed_on_to_the_agents_once() -> None:
    cluster = at_the_agents()
    cluster.agents(targetNodeAddress="10.0.0.2", startTimestamp="T")
    cluster.settle()
    cluster.migration["metadata"]["annotations"] = {labels.FORCE_COMPLETE: ""}
    cluster.settle()
    assert cluster.vmi["metadata"]["annotations"][labels.FORCE_COMPLETE] == "job"
    assert planner.plan(cluster.world()).action is None


@pytest.mark.parametrize(("active", "kept"), [({}, False), ({"pod-b": "node2"}, True)])
def test_a_target_that_nobody_was_told_of_goes_with_its_migration(active: Json, kept: bool) -> None:
    cluster = Cluster()
    cluster.settle()
    cluster.target_runs()
    cluster.migration["status"]["phase"] = "Failed"
    cluster.vmi["status"]["activePods"] = active
    cluster.settle()
    assert (TARGET in cluster.pods) is kept


def test_the_pod_that_runs_the_guest_is_nobodys_never() -> None:
    cluster = Cluster()
    cluster.settle()
    cluster.target_runs()
    cluster.migration["status"]["phase"] = "Failed"
    assert planner.plan(cluster.world()).ask is Question.LIVE
    cluster.vmi["metadata"]["annotations"] = {ANNOTATION: "2:pod-b"}
    cluster.settle()
    assert TARGET in cluster.pods
