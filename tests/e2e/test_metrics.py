"""What the components show of themselves and of guests: metrics and logs, on the real thing."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.e2e.harness import vms
from tests.e2e.harness.cluster import Cluster, Object
from tests.e2e.harness.guests import vm
from tests.e2e.harness.metrics import NAMESPACE, SELECTOR, Scrape, pods, scrape
from tests.e2e.harness.waiting import until
from virt_model.monitoring.row import Component, When
from virt_model.monitoring.table import rows_of

EXTRA = ("le", "kubernetes_vmi_label_", "label_")
WRITES = """#!/bin/sh
(while :; do for source in zero urandom; do dd if=/dev/$source of=/run/big bs=1M count=24; done; done) &
"""
DIRTY_RATE = "kubevirt_vmi_dirty_rate_bytes_per_second"
VERBOSE = ("virtAPI", "virtController", "virtHandler", "virtOperator")


def everything(cluster: Cluster) -> dict[str, list[Scrape]]:
    return {component: [scrape(cluster, pod) for pod in names] for component, names in pods(cluster).items()}


def value(found: dict[str, list[Scrape]], metric: str, /, **labels: str) -> float:
    """The one sample of that name with those labels, whoever shows it."""
    matching = [
        number
        for scrapes in found.values()
        for each in scrapes
        for given, number in each.of(metric)
        if labels.items() <= given.items()
    ]
    if len(matching) != 1:
        raise LookupError(f"{metric}{labels}: {matching}")
    return matching[0]


def test_every_metric_of_the_table_is_there(cluster: Cluster, namespace: str) -> None:
    cluster.create(vm("seen", namespace))
    vmi = vms.running(cluster, namespace, "seen")
    guest = {"namespace": namespace, "name": "seen", "node": vmi["status"]["nodeName"]}
    until(
        "the balloon driver reports",
        lambda: value(everything(cluster), "kubevirt_vmi_memory_usable_bytes", **guest) > 0,
        120,
        1.0,
    )
    found = everything(cluster)
    assert set(found) == {component.value for component in Component}
    endpoints = cluster.list("endpoints", NAMESPACE)
    (service,) = (each for each in endpoints if each["metadata"]["name"] == "kubevirt-prometheus-metrics")
    addresses = [address for subset in service["subsets"] for address in subset["addresses"]]
    assert {port["name"] for subset in service["subsets"] for port in subset["ports"]} == {"metrics"}
    assert len(addresses) == sum(map(len, found.values())), "each of our pods is behind the Service"

    missing = []
    for component, scrapes in found.items():
        declared = {row.name: row for row in rows_of(Component(component))}
        for each in scrapes:
            assert set(each.types) <= set(declared)
            assert all(declared[name].kind == kind for name, kind in each.types.items())
            for name, labels, _ in each.samples:
                own = {label for label in labels if not label.startswith(EXTRA)}
                assert own <= set(declared[name].labels), name
        shown_by_all = set.intersection(*(set(each.types) for each in scrapes))
        shown_by_any = set.union(*(set(each.types) for each in scrapes))
        for row in declared.values():
            if row.when is not When.SOMETIMES:
                shown = shown_by_all if row.when is When.ALWAYS else shown_by_any
                missing += [row.name] if row.name not in shown else []
    assert not missing

    assert value(found, "kubevirt_vm_info", name="seen", namespace=namespace, status="running", status_group="running")
    pod = vms.launcher(cluster, namespace, vmi)["metadata"]["name"]
    assert value(found, "kubevirt_vmi_info", phase="running", vmi_pod=pod, **guest)
    assert value(found, "kubevirt_vmi_memory_domain_bytes", **guest) == 128 << 20
    assert value(found, "kubevirt_vmi_network_receive_bytes_total", interface="default", **guest) > 0
    assert value(found, "kubevirt_vmi_storage_iops_read_total", drive="root", **guest) > 0
    assert value(found, "kubevirt_vmi_vcpu_seconds_total", id="0", **guest) > 0
    used = "kubevirt_vmi_cpu_usage_seconds_total"
    before = value(found, used, **guest)
    until("the guest's CPU time grows", lambda: value(everything(cluster), used, **guest) > before, 30)


def test_the_dirty_rate_is_that_of_a_guest_that_writes(cluster: Cluster, namespace: str) -> None:
    cluster.create(vm("writes", namespace, user_data=WRITES), vm("rests", namespace))
    for name in ("writes", "rests"):
        vms.running(cluster, namespace, name)
    known: dict[str, float] = {}

    def measured() -> bool:
        found = everything(cluster)
        known.update({name: value(found, DIRTY_RATE, namespace=namespace, name=name) for name in ("writes", "rests")})
        return known["writes"] >= 4 << 20 and known["rests"] < known["writes"]

    until("the one that writes has the higher rate", measured, 120, 1.0)


def test_a_guest_that_is_gone_is_not_shown(cluster: Cluster, namespace: str) -> None:
    cluster.create(vm("gone", namespace))
    vms.running(cluster, namespace, "gone")
    cluster.delete("vm", "gone", namespace)

    who = {"namespace": namespace, "name": "gone"}.items()

    def shown() -> bool:
        scrapes = [each for scrapes in everything(cluster).values() for each in scrapes]
        return any(who <= labels.items() for each in scrapes for _, labels, _ in each.samples)

    until("no series of the VM is left", lambda: not shown(), 60, 1.0)


@pytest.fixture
def kubevirt(cluster: Cluster) -> Iterator[Object]:
    """The KubeVirt object, put back as it was."""
    before = cluster.get("kubevirt", "kubevirt", NAMESPACE)
    assert before is not None
    yield before
    configuration = before["spec"].get("configuration") or {}
    put_back = [{"op": "add", "path": "/spec/configuration", "value": configuration}]
    cluster.kubectl("-n", NAMESPACE, "patch", "kubevirt", "kubevirt", "--type=json", "-p", json.dumps(put_back))


def set_verbosity(cluster: Cluster, level: int) -> None:
    said = {"logVerbosity": dict.fromkeys(VERBOSE, level)}
    change = {"spec": {"configuration": {"developerConfiguration": said}}}
    cluster.kubectl("-n", NAMESPACE, "patch", "kubevirt", "kubevirt", "--type=merge", "-p", json.dumps(change))


def lines(cluster: Cluster, pod: str, since: str) -> list[dict[str, Any]]:
    text = cluster.kubectl("-n", NAMESPACE, "logs", pod, f"--since-time={since}")
    return [json.loads(line) for line in text.splitlines()]


def says(cluster: Cluster, names: list[str], since: str, text: str) -> None:
    """Each of the pods writes that line within half a minute."""
    for name in names:

        def heard(name: str = name) -> bool:
            return any(each["msg"] == text for each in lines(cluster, name, since))

        until(f"{name} says {text!r}", heard, 30)


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_log_verbosity_changes_while_everything_runs(cluster: Cluster, namespace: str, kubevirt: Object) -> None:
    cluster.create(vm("calm", namespace))
    uid = vms.running(cluster, namespace, "calm")["metadata"]["uid"]
    ours = cluster.list("pods", NAMESPACE, SELECTOR)
    names = [pod["metadata"]["name"] for pod in ours]
    start = now()
    set_verbosity(cluster, 6)
    says(cluster, names, start, "log verbosity is 6 now: DEBUG")
    cluster.kubectl("-n", namespace, "patch", "vm", "calm", "--type=merge", "-p", '{"spec":{"runStrategy":"Halted"}}')
    vms.gone(cluster, namespace, "vmi", "calm")
    leaders = [each for name in names if name.startswith("virt-controller") for each in lines(cluster, name, start)]
    about = [each for each in leaders if each.get("name") == "calm" and each.get("namespace") == namespace]
    assert [each for each in about if each["level"] == "debug"]
    deleted = {"kind": "VirtualMachineInstance", "uid": uid, "level": "info"}.items()
    assert [each for each in about if deleted <= each.items()]
    for name in names:
        for each in lines(cluster, name, start):
            assert {"component", "level", "msg", "timestamp"} <= set(each), each
    set_verbosity(cluster, 0)
    says(cluster, names, start, "log verbosity is 0 now: WARNING")
    same = {pod["metadata"]["uid"]: restarts(pod) for pod in cluster.list("pods", NAMESPACE, SELECTOR)}
    assert same == {pod["metadata"]["uid"]: restarts(pod) for pod in ours}, "nothing was restarted"


def restarts(pod: Object) -> int:
    return sum(each["restartCount"] for each in pod["status"]["containerStatuses"])


PROMETHEUS = {"prometheusrules": "PrometheusRule", "servicemonitors": "ServiceMonitor"}


def crd(plural: str, kind: str) -> Object:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"plural": plural, "singular": kind.lower(), "kind": kind, "listKind": f"{kind}List"}
    group = "monitoring.coreos.com"
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {"group": group, "scope": "Namespaced", "names": names, "versions": [version]},
    }


def test_a_prometheus_operator_that_comes_later_is_served(cluster: Cluster, namespace: str) -> None:
    names = [f"{plural}.monitoring.coreos.com" for plural in PROMETHEUS]
    spec = {"spec": {"monitorNamespace": namespace, "monitorAccount": "default"}}
    try:
        cluster.create(*(crd(plural, kind) for plural, kind in PROMETHEUS.items()))
        cluster.kubectl("-n", NAMESPACE, "patch", "kubevirt", "kubevirt", "--type=merge", "-p", json.dumps(spec))
        ours = "prometheus-kubevirt-rules"
        monitor = until("a ServiceMonitor", lambda: cluster.get(names[1], ours, namespace), 90, 1.0)
        rules = until("the rules", lambda: cluster.get(names[0], ours, NAMESPACE), 30)
        assert monitor["spec"]["endpoints"][0]["port"] == "metrics"
        assert {group["name"] for group in rules["spec"]["groups"]} == {"recordingRules.rules", "alerts.rules"}
        reader = ["auth", "can-i", "list", "endpoints", "-n", NAMESPACE]
        assert cluster.kubectl(*reader, f"--as=system:serviceaccount:{namespace}:default").strip() == "yes"
        cluster.delete(names[0], ours, NAMESPACE)
        until("the rules are back", lambda: cluster.get(names[0], ours, NAMESPACE), 30)
    finally:
        cluster.kubectl("delete", "crd", *names, "--ignore-not-found")
        gone: dict[str, Any] = {"spec": {"monitorNamespace": None, "monitorAccount": None}}
        cluster.kubectl("-n", NAMESPACE, "patch", "kubevirt", "kubevirt", "--type=merge", "-p", json.dumps(gone))
    cluster.kubectl("wait", "kubevirt", "kubevirt", "-n", NAMESPACE, "--for=condition=Available", "--timeout=60s")
