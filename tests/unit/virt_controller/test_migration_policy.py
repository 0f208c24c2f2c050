"""Which MigrationPolicy holds for which guest, and that its settings reach the agents."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.waiting import until
from tests.unit.virt_controller.test_evacuation_on_api import MIGRATIONS, guest, launcher, node
from tests.unit.virt_controller.test_life_on_api import PODS, VMIS, running
from virt_controller.plan.migration import PENDING_ANNOTATION
from virt_controller.plan.migration_policy import Manner, Policy, manner_of
from virt_model import names
from virt_model.migration_settings import settings_of

Json = dict[str, Any]
POLICIES = "/apis/migrations.kubevirt.io/v1alpha1/migrationpolicies"
CLUSTER = settings_of({"bandwidthPerMigration": "1Gi", "progressTimeout": 7})


def policy(name: str, namespace: Json | None = None, vmi: Json | None = None, **spec: Any) -> Json:
    selectors = {"namespaceSelector": namespace, "virtualMachineInstanceSelector": vmi}
    return {"metadata": {"name": name}, "spec": {"selectors": selectors, **spec}}


def chosen(*policies: Json, namespace: Json | None = None, vmi: Json | None = None) -> Manner:
    return manner_of(CLUSTER, map(Policy, policies), namespace or {}, vmi or {})


def test_without_a_policy_the_cluster_decides() -> None:
    assert chosen(policy("a", vmi={"x": "1"}), vmi={"x": "2"}) == Manner(settings=CLUSTER)


def test_every_label_must_match_and_more_labels_are_closer() -> None:
    one, two = policy("one", vmi={"x": "1"}), policy("two", namespace={"n": "1"}, vmi={"x": "1"})
    assert chosen(one, two, vmi={"x": "1"}).policy == "one"
    assert chosen(one, two, vmi={"x": "1"}, namespace={"n": "1", "m": "1"}).policy == "two"


def test_labels_of_the_guest_count_before_those_of_its_namespace_and_then_the_name_decides() -> None:
    mine, ours, twin = policy("z", vmi={"x": "1"}), policy("a", namespace={"n": "1"}), policy("y", vmi={"x": "1"})
    assert chosen(ours, mine, vmi={"x": "1"}, namespace={"n": "1"}).policy == "z"
    assert chosen(mine, twin, vmi={"x": "1"}).policy == "y"


def test_empty_selectors_mean_everybody_and_none_nobody() -> None:
    assert chosen(policy("everybody")).policy == "everybody"
    assert chosen({"metadata": {"name": "nobody"}, "spec": {}}).policy == ""


def test_what_it_says_holds_before_what_the_cluster_says_and_nulls_say_nothing() -> None:
    said = policy(
        "a", bandwidthPerMigration="64Mi", maxDowntimeMs=100, allowAutoConverge=None, completionTimeoutPerGiB=0
    )
    shown = chosen(said).settings.as_status()
    assert (shown["bandwidthPerMigration"], shown["maxDowntimeMs"], shown["completionTimeoutPerGiB"]) == (
        "64Mi",
        100,
        0,
    )
    assert (shown["progressTimeout"], shown["allowAutoConverge"]) == (7, False)


@pytest.mark.parametrize("own, shown", [({}, True), ({"allowWorkloadDisruption": False}, False)])
def test_post_copy_disrupts_unless_said_otherwise(own: Json, shown: bool) -> None:
    settings = chosen(policy("a", allowPostCopy=True, **own)).settings.as_status()
    assert settings["allowPostCopy"] is True and settings["allowWorkloadDisruption"] is shown


async def test_a_policy_reaches_the_agents_with_the_hand_over() -> None:
    async with running() as cluster:
        cluster.api.put("/api/v1/namespaces", {"metadata": {"name": "n", "labels": {"team": "blue"}}})
        cluster.api.put(POLICIES, policy("blue", namespace={"team": "blue"}, maxDowntimeMs=50))
        cluster.api.put("/api/v1/nodes", node())
        cluster.api.put(PODS, launcher())
        cluster.api.put(VMIS, guest())
        patient = {PENDING_ANNOTATION: "4000000000"}  # objects of the fake are old
        made = {"metadata": {"name": "m", "uid": "job", "annotations": patient}, "spec": {"vmiName": "a"}}
        cluster.api.put(MIGRATIONS, made)
        target = names.target_pod_name("a", "job")
        await until(lambda: cluster.get("pods", target) is not None)
        runs = {"phase": "Running", "containerStatuses": [{"name": "compute", "state": {"running": {}}}]}
        cluster.api.put(PODS, {**cluster.get("pods", target), "status": runs})
        await until(lambda: "migrationState" in cluster.vmi["status"])
        state = cluster.vmi["status"]["migrationState"]
        assert state["migrationPolicyName"] == "blue" and state["migrationConfiguration"]["maxDowntimeMs"] == 50
