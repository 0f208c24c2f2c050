"""Every kind of the API is served: listed, watched, deleted in bulk, explained; what nobody acts on is not created."""

import json
from typing import Any

import pytest

from tests.e2e.harness.cluster import Cluster
from tests.e2e.harness.waiting import until

REF = {"apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": "vm"}
TEMPLATE = {"metadata": {"labels": {"a": "b"}}, "spec": {"template": {"spec": {"domain": {"devices": {}}}}}}
SIZE = {"cpu": {"guest": 1}, "memory": {"guest": "1Gi"}}
#: CRD, a spec that its schema accepts, and in which words it is refused
IDLE: tuple[tuple[str, Any, str], ...] = (
    ("virtualmachineinstancepresets.kubevirt.io", {"selector": {}}, "presets"),
    ("virtualmachinepools.pool.kubevirt.io", {"selector": {}, "virtualMachineTemplate": TEMPLATE}, "pools of VMs"),
    ("virtualmachinesnapshots.snapshot.kubevirt.io", {"source": REF}, "snapshots"),
    ("virtualmachinesnapshotcontents.snapshot.kubevirt.io", {"source": {}}, "snapshots"),
    ("virtualmachinerestores.snapshot.kubevirt.io", {"target": REF, "virtualMachineSnapshotName": "s"}, "snapshots"),
    ("virtualmachineexports.export.kubevirt.io", {"source": REF}, "exports of disks"),
    ("virtualmachinebackups.backup.kubevirt.io", {"source": REF, "pvcName": "p"}, "backups"),
    ("virtualmachinebackuptrackers.backup.kubevirt.io", {"source": REF}, "backups"),
    ("virtualmachineclones.clone.kubevirt.io", {"source": REF}, "clones"),
    ("virtualmachineinstancetypes.instancetype.kubevirt.io", SIZE, "instance types"),
    ("virtualmachineclusterinstancetypes.instancetype.kubevirt.io", SIZE, "instance types"),
    ("virtualmachinepreferences.instancetype.kubevirt.io", {}, "preferences"),
    ("virtualmachineclusterpreferences.instancetype.kubevirt.io", {}, "preferences"),
    ("plugins.plugin.kubevirt.io", {}, "plugins"),
)


@pytest.mark.parametrize(("name", "spec", "missing"), IDLE, ids=[row[0].partition(".")[0] for row in IDLE])
def test_a_kind_is_served_and_its_creation_refused(
    cluster: Cluster, namespace: str, name: str, spec: Any, missing: str
) -> None:
    crd = cluster.get("crd", name)
    assert crd is not None
    group, kind = crd["spec"]["group"], crd["spec"]["names"]["kind"]
    place = {"namespace": namespace} if crd["spec"]["scope"] == "Namespaced" else {}
    for version in crd["spec"]["versions"]:
        where = f"/namespaces/{namespace}" if place else ""
        path = f"/apis/{group}/{version['name']}{where}/{crd['spec']['names']['plural']}"
        listed = json.loads(cluster.kubectl("get", "--raw", path))
        assert (listed["kind"], listed["items"]) == (f"{kind}List", [])
        cluster.kubectl("get", "--raw", f"{path}?watch=true&timeoutSeconds=1")
        cluster.kubectl("delete", "--raw", path)
        identity = {"apiVersion": f"{group}/{version['name']}", "kind": kind}
        made = {**identity, "metadata": {"name": "x", **place}, "spec": spec}
        assert f"kind: {kind}: {missing}: not supported yet" in cluster.refuse(made).err
    assert "FIELDS:" in cluster.kubectl("explain", f"{name}.spec" if spec else name)


def test_a_migration_is_refused_too(cluster: Cluster, namespace: str) -> None:
    made = {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachineInstanceMigration",
        "metadata": {"name": "x", "namespace": namespace},
        "spec": {"vmiName": "nobody"},
    }
    assert f'the VMI "{namespace}/nobody" does not exist' in cluster.refuse(made).err


@pytest.mark.parametrize(
    ("api", "kind", "spec", "said"),
    [
        ("migrations.kubevirt.io", "MigrationPolicy", {"selectors": {}, "bandwidthPerMigration": "-1Mi"},
         "spec.bandwidthPerMigration: must not be negative"),
        ("podvirt.io", "Maintenance", {"nodeName": "node1", "deadline": "soon"}, "spec.deadline"),
        ("podvirt.io", "Maintenance", {"nodeName": ""}, "spec.nodeName"),
    ],
)  # fmt: skip
def test_what_clusters_own_is_judged(cluster: Cluster, api: str, kind: str, spec: Any, said: str) -> None:
    made = {"apiVersion": f"{api}/v1alpha1", "kind": kind, "metadata": {"name": "x"}, "spec": spec}
    assert said in cluster.refuse(made).err


def test_old_versions_warn(cluster: Cluster, namespace: str) -> None:
    for resource, words in (
        ("virtualmachineexports.v1beta1.export.kubevirt.io", "VirtualMachineExport is now deprecated"),
        ("virtualmachineinstancepresets.v1.kubevirt.io", "VirtualMachineInstancePresets is now deprecated"),
    ):
        assert words in cluster.try_kubectl("-n", namespace, "get", resource).err


def test_everybody_reads_sizes_and_nobody_makes_them(cluster: Cluster, namespace: str) -> None:
    cluster.kubectl("-n", namespace, "create", "serviceaccount", "guest")
    who = f"system:serviceaccount:{namespace}:guest"

    def may(verb: str, resource: str) -> bool:
        return cluster.try_kubectl("auth", "can-i", verb, resource, "-A", f"--as={who}").out.strip() == "yes"

    sizes = "virtualmachineclusterinstancetypes.instancetype.kubevirt.io"
    until("it may list", lambda: may("list", sizes))
    assert not may("create", sizes)
    assert not may("list", "virtualmachinesnapshots.snapshot.kubevirt.io")
