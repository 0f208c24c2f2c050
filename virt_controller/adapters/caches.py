"""The stores that the controllers read, and what finds objects in them."""

from __future__ import annotations

from collections.abc import Iterable

from virt_controller.adapters.echo import Echo
from virt_controller.plan.actions import Action, Create, Delete, Kind
from virt_controller.plan.migration_world import Migration
from virt_model import labels, node_lease
from virt_model.config import DEFAULT, ClusterConfig, from_kubevirt
from virt_model.seen import Vmi
from virt_runtime import resources
from virt_runtime.kube import KubeClient
from virt_runtime.process import together, when_synced
from virt_runtime.reflector import Reflector
from virt_runtime.resources import Json
from virt_runtime.store import Store, key_of

BY_VMI = "vmi"  # pods, by the UID of their VMI
BY_NODE = "node"  # VMIs, by the node they are on
BY_NAMESPACE = "namespace"  # VMIs and replica sets
BY_NAME = "name"  # migrations, by namespace/name of their VMI
VM_LABELS = "kubevirt-vm-labels-config"  # a ConfigMap of users: which labels of VMs are shown as metrics
BY_CLAIM = "claim"  # VMIs, by namespace/name of the claims their volumes name


class Caches:
    """Everything that is watched. Only the leader runs it; `namespace` is where podvirt is installed."""

    def __init__(self, kube: KubeClient, namespace: str) -> None:
        self.vms = Reflector(kube, resources.VIRTUAL_MACHINES, Store())
        self.vmis = Reflector(kube, resources.VIRTUAL_MACHINE_INSTANCES, Store())
        self.pods = Reflector(kube, resources.PODS, Store(), label_selector=f"{labels.ROLE}={labels.ROLE_LAUNCHER}")
        self.replicasets = Reflector(kube, resources.VIRTUAL_MACHINE_INSTANCE_REPLICASETS, Store())
        self.migrations = Reflector(kube, resources.VIRTUAL_MACHINE_INSTANCE_MIGRATIONS, Store())
        self.maintenances = Reflector(kube, resources.MAINTENANCES, Store())
        self.nodes = Reflector(kube, resources.NODES, Store())
        self.leases = Reflector(kube, resources.LEASES, Store(), namespace, label_selector=node_lease.LABEL)
        self.claims = Reflector(kube, resources.PERSISTENT_VOLUME_CLAIMS, Store())
        self.kubevirts = Reflector(kube, resources.KUBEVIRTS, Store())
        self._vm_labels = Reflector(
            kube, resources.CONFIGMAPS, Store(), namespace, field_selector=f"metadata.name={VM_LABELS}"
        )
        self.pods.store.add_index(BY_VMI, _vmi_of)
        self.vmis.store.add_index(BY_NODE, _node_of)
        self.vmis.store.add_index(BY_CLAIM, claims_of)
        self.vmis.store.add_index(BY_NAMESPACE, _namespace_of)
        self.replicasets.store.add_index(BY_NAMESPACE, _namespace_of)
        self.migrations.store.add_index(BY_NAME, _vmi_name_of)
        self.vm_echo, self.vmi_echo, self.pod_echo = Echo(self.vms), Echo(self.vmis), Echo(self.pods)
        self.replicaset_echo, self.migration_echo = Echo(self.replicasets), Echo(self.migrations)
        self.maintenance_echo = Echo(self.maintenances)
        self._config_from: Json | None = None
        self._config = DEFAULT

    @property
    def _all(self) -> tuple[Reflector, ...]:
        workloads = (self.vms, self.vmis, self.pods, self.replicasets, self.migrations)
        return (*workloads, self.maintenances, self.nodes, self.leases, self.claims, self.kubevirts, self._vm_labels)

    async def run(self) -> None:
        await together(*(reflector.run() for reflector in self._all))

    async def synced(self) -> None:
        await when_synced(*(reflector.store.synced for reflector in self._all))

    @property
    def is_synced(self) -> bool:
        return all(reflector.store.synced.is_set() for reflector in self._all)

    def config(self) -> ClusterConfig:
        """As the KubeVirt object says now."""
        found = self.kubevirts.store.list()
        raw = min(found, key=lambda each: str(each["metadata"].get("creationTimestamp", "")), default=None)
        if raw is not self._config_from:
            self._config_from, self._config = raw, from_kubevirt(raw)
        return self._config

    def vm_labels(self) -> Json | None:
        """The ConfigMap that says which labels of VMs are shown, if there is one."""
        return next(iter(self._vm_labels.store.list()), None)

    def all_migrations(self) -> tuple[Migration, ...]:
        """None older than we know it."""
        found = (self.migration_echo.get(key_of(raw)) for raw in self.migrations.store.list())
        return tuple(Migration(raw) for raw in found if raw is not None)

    def node_of(self, migration: Migration) -> str:
        """The node that its VMI is on, "" where there is none."""
        raw = self.vmis.store.get(f"{migration.namespace}/{migration.vmi_name}")
        return Vmi(raw).node if raw is not None else ""

    def learn(self, kind: Kind, action: Action, answer: Json | None) -> None:
        """An action of ours succeeded: remember its answer until the watch shows it."""
        echo = {
            Kind.VM: self.vm_echo,
            Kind.VMI: self.vmi_echo,
            Kind.POD: self.pod_echo,
            Kind.REPLICASET: self.replicaset_echo,
            Kind.MIGRATION: self.migration_echo,
            Kind.MAINTENANCE: self.maintenance_echo,
        }.get(kind)
        if echo is None:
            return
        if answer is not None:
            echo.note(answer)
        elif isinstance(action, Delete):
            echo.note_gone(f"{action.namespace}/{action.name}", action.uid)
        else:
            assert not isinstance(action, Create)


def _vmi_of(pod: Json) -> Iterable[str]:
    uid = (pod["metadata"].get("labels") or {}).get(labels.CREATED_BY)
    return (uid,) if uid else ()


def _node_of(vmi: Json) -> Iterable[str]:
    node = (vmi.get("status") or {}).get("nodeName")
    return (node,) if node else ()


def _vmi_name_of(migration: Json) -> Iterable[str]:
    return (f"{migration['metadata']['namespace']}/{(migration.get('spec') or {}).get('vmiName', '')}",)


def _namespace_of(obj: Json) -> Iterable[str]:
    return (str(obj["metadata"]["namespace"]),)


def claims_of(vmi: Json) -> list[str]:
    """`namespace/name` of each claim that a VMI's volumes name."""
    namespace = vmi["metadata"]["namespace"]
    found = []
    for volume in (vmi.get("spec") or {}).get("volumes") or ():
        claim = (volume.get("persistentVolumeClaim") or {}).get("claimName") or (volume.get("dataVolume") or {}).get(
            "name"
        )
        if claim:
            found.append(f"{namespace}/{claim}")
    return found
