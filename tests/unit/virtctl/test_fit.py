"""Why a node does not take a pod: the tests that the scheduler makes, one by one."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.virtctl.cases import node, unplaced
from virt_model.seen import Pod
from virtctl.plan.why.fit import obstacles

TAINT = {"key": "gpu", "value": "yes", "effect": "NoSchedule"}


def affine(operator: str, *values: str, key: str = "zone", where: str = "matchExpressions") -> dict[str, Any]:
    term = {where: [{"key": key, "operator": operator, "values": list(values)}]}
    return {
        "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}}
    }


@pytest.mark.parametrize(
    ("there", "wants", "found"),
    [
        ({}, {}, ()),
        ({"ready": "Unknown"}, {}, ("is not ready",)),
        ({"unschedulable": True}, {}, ("is cordoned",)),
        ({"taints": [TAINT]}, {}, ("has the taint gpu=yes:NoSchedule",)),
        ({"taints": [{**TAINT, "effect": "PreferNoSchedule"}]}, {}, ()),
        ({"taints": [TAINT]}, {"tolerations": [{"key": "gpu", "operator": "Exists"}]}, ()),
        ({"taints": [TAINT]}, {"tolerations": [{"key": "gpu", "value": "yes", "effect": "NoSchedule"}]}, ()),
        ({"taints": [TAINT]}, {"tolerations": [{"key": "gpu", "value": "no"}]}, ("has the taint gpu=yes:NoSchedule",)),
        ({"taints": [TAINT]}, {"tolerations": [{"operator": "Exists"}]}, ()),
        ({}, {"nodeSelector": {"zone": "a"}}, ("has no label zone=a",)),
        ({"labels": {"zone": "b"}}, {"nodeSelector": {"zone": "a"}}, ("has zone=b, not a",)),
        (
            {"labels": {"kubevirt.io/schedulable": "false"}},
            {"nodeSelector": {"kubevirt.io/schedulable": "true"}},
            ("takes no guests: virt-handler does not answer for it",),
        ),
        ({"labels": {"zone": "a"}}, affine("In", "a", "b"), ()),
        ({"labels": {"zone": "c"}}, affine("In", "a", "b"), ("does not match the node affinity",)),
        ({}, affine("NotIn", "a"), ()),
        ({}, affine("Exists"), ("does not match the node affinity",)),
        ({}, affine("DoesNotExist"), ()),
        ({"labels": {"zone": "5"}}, affine("Gt", "4"), ()),
        ({"labels": {"zone": "5"}}, affine("Lt", "4"), ("does not match the node affinity",)),
        ({}, affine("In", "node1", key="metadata.name", where="matchFields"), ()),
        ({}, affine("In", "node2", key="metadata.name", where="matchFields"), ("does not match the node affinity",)),
    ],
)
def test_obstacles(there: dict[str, Any], wants: dict[str, Any], found: tuple[str, ...]) -> None:
    assert obstacles(unplaced("x", **wants), node(**there), None) == found


def neighbour(requests: dict[str, str]) -> Pod:
    return unplaced("x", requests, nodeName="node1")


def test_what_others_took_is_missed() -> None:
    wanted = unplaced("x", {"memory": "2Gi", "cpu": "500m"})
    assert obstacles(wanted, node(), ()) == ()
    assert obstacles(wanted, node(), (neighbour({"memory": "2560Mi", "cpu": "1600m"}),)) == (
        "memory: 2Gi asked, 1.5Gi free of 4Gi",
        "cpu: 500m asked, 400m free of 2",
    )


def test_without_its_pods_only_the_whole_node_counts() -> None:
    assert obstacles(unplaced("x", {"memory": "3Gi"}), node(), None) == ()
    assert obstacles(unplaced("x", {"memory": "5Gi"}), node(), None) == ("memory: 5Gi asked, 4Gi",)


def test_init_containers_and_overhead_count_as_the_scheduler_counts_them() -> None:
    first = {"name": "init", "resources": {"requests": {"memory": "3Gi"}}}
    beside = {"name": "side", "restartPolicy": "Always", "resources": {"requests": {"memory": "1Gi"}}}
    pod = unplaced("x", {"memory": "2Gi"}, initContainers=[first], overhead={"memory": "2Gi"})
    assert obstacles(pod, node(), ()) == ("memory: 5Gi asked, 4Gi free of 4Gi",)
    pod = unplaced("x", {"memory": "2Gi"}, initContainers=[first, beside], overhead={"memory": "2Gi"})
    assert obstacles(pod, node(), ()) == ("memory: 6Gi asked, 4Gi free of 4Gi",)


def test_a_full_node() -> None:
    full = node(allocatable={"pods": "1"})
    assert obstacles(unplaced("x"), full, (neighbour({}),)) == ("has as many pods as it takes (1)",)
