"""What Prometheus gets, when there is one."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.waiting import until
from tests.unit.virt_operator.test_world import installed
from tests.unit.virt_operator.world import KEY, KUBEVIRTS, World, kubevirt, world
from virt_operator.plan import monitoring
from virt_operator.plan.monitoring import Monitoring, Place, places

Json = dict[str, Any]
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
ACCOUNTS = "/api/v1/namespaces/monitoring/serviceaccounts"
RULES, MONITORS = "prometheusrules", "servicemonitors"
BOTH = frozenset({"PrometheusRule", "ServiceMonitor"})


def kinds(found: Monitoring) -> list[str]:
    return [each["kind"] for each in monitoring.objects("kubevirt", found)]


def test_nothing_is_made_for_nobody() -> None:
    assert kinds(Monitoring()) == []
    assert kinds(Monitoring(kinds=BOTH)) == ["PrometheusRule"], "there is no Prometheus that would read a monitor"
    whole = Monitoring(kinds=BOTH, place="monitoring", account="prometheus-k8s")
    assert kinds(whole) == ["PrometheusRule", "ServiceMonitor", "Role", "RoleBinding"]


def test_the_monitor_finds_our_service() -> None:
    found = Monitoring(kinds=BOTH, place="monitoring", account="me")
    _, monitor, _, bound = monitoring.objects("here", found)
    assert monitor["metadata"]["namespace"] == "monitoring"
    assert monitor["spec"]["namespaceSelector"] == {"matchNames": ["here"]}
    assert monitor["spec"]["endpoints"][0] | {"port": "metrics", "scheme": "https"} == monitor["spec"]["endpoints"][0]
    assert bound["subjects"] == [{"kind": "ServiceAccount", "name": "me", "namespace": "monitoring"}]


def test_rules_are_about_this_installation_and_lead_to_a_runbook() -> None:
    found = Monitoring(kinds=BOTH, runbooks="https://wiki/%s.html")
    (made,) = monitoring.objects("here", found)
    recording, alerts = (group["rules"] for group in made["spec"]["groups"])
    up = next(each for each in recording if each["record"] == "cluster:kubevirt_virt_api_up:sum")
    assert up["expr"] == "sum(up{pod=~'virt-api-.*', namespace='here'}) or vector(0)"
    down = next(each for each in alerts if each["alert"] == "VirtControllerDown")
    assert down["for"] == "10m"
    assert down["labels"] == {
        "severity": "critical", "operator_health_impact": "critical", "kubernetes_operator_part_of": "kubevirt",
        "kubernetes_operator_component": "kubevirt", "namespace": "here",
    }  # fmt: skip
    assert down["annotations"]["runbook_url"] == "https://wiki/VirtControllerDown.html"
    assert "@namespace@" not in str(made)


@pytest.mark.parametrize(
    ("spec", "where"),
    [
        ({}, [("openshift-monitoring", "prometheus-k8s"), ("monitoring", "prometheus-k8s")]),
        ({"monitorNamespace": "m", "monitorAccount": "a"}, [("m", "a")]),
        ({"serviceMonitorNamespace": "s", "monitorNamespace": "m"}, [("s", "")]),
    ],
)
def test_where_prometheus_is_looked_for(spec: Json, where: list[tuple[str, str]]) -> None:
    assert places({"spec": spec}) == tuple(Place(*each) for each in where)


def install_prometheus_operator(here: World) -> None:
    for plural in (RULES, MONITORS):
        here.fake.put(CRDS, {"metadata": {"name": f"{plural}.monitoring.coreos.com"}})


async def test_a_prometheus_that_is_there_is_served() -> None:
    async with world() as here:
        install_prometheus_operator(here)
        here.fake.put(ACCOUNTS, {"metadata": {"name": "prometheus-k8s"}})
        await installed(here)
        await until(lambda: here.all(MONITORS))
        assert set(here.all(RULES)) == set(here.all(MONITORS)) == {"prometheus-kubevirt-rules"}
        here.fake.remove(f"/apis/monitoring.coreos.com/v1/namespaces/kubevirt/{RULES}/prometheus-kubevirt-rules")
        await until(lambda: here.all(RULES))


async def test_without_its_kinds_nothing_is_asked_of_them() -> None:
    async with world() as here:
        await installed(here)
        assert not [path for _, path in here.fake.requests if "/apis/monitoring.coreos.com" in path]


async def test_the_monitor_moves_with_the_setting() -> None:
    async with world() as here:
        install_prometheus_operator(here)
        here.fake.put("/api/v1/namespaces", {"metadata": {"name": "elsewhere"}})
        await installed(here)
        assert not here.all(MONITORS)
        moved = kubevirt(serviceMonitorNamespace="elsewhere")["spec"]
        here.fake.put(KUBEVIRTS, {**here.fake.objects[KEY], "spec": moved})
        await until(lambda: here.all(MONITORS))
        assert here.all(MONITORS)["prometheus-kubevirt-rules"]["metadata"]["namespace"] == "elsewhere"
