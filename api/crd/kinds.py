"""The kinds that are installed: group, versions, names, printer columns, subresources. One row each."""

from __future__ import annotations

from typing import Final, NamedTuple

from api.clone import VirtualMachineClone
from api.export import VirtualMachineExport
from api.instancetype import VirtualMachineClusterInstancetype, VirtualMachineInstancetype
from api.kubevirt import KubeVirt
from api.maintenance import Maintenance
from api.migration import VirtualMachineInstanceMigration
from api.migration_policy import MigrationPolicy
from api.plugin import Plugin
from api.pool import VirtualMachinePool
from api.preference import VirtualMachineClusterPreference, VirtualMachinePreference
from api.preset import VirtualMachineInstancePreset
from api.replicaset import VirtualMachineInstanceReplicaSet
from api.restore import VirtualMachineRestore
from api.snapshot import VirtualMachineSnapshot, VirtualMachineSnapshotContent
from api.view import View
from api.vm import VirtualMachine
from api.vm_backup import VirtualMachineBackup, VirtualMachineBackupTracker
from api.vmi import VirtualMachineInstance


class Column(NamedTuple):
    """A column of `kubectl get`; priority 1 shows only with `-o wide`."""

    name: str
    path: str
    type: str = "string"
    priority: int = 0


class Version(NamedTuple):
    """A version that is served; exactly one of a kind is stored. `warning` is told to who still uses an old one."""

    name: str
    stored: bool = True
    warning: str = ""


class Group(NamedTuple):
    """An API group; its kinds have the same versions unless a row says otherwise."""

    name: str
    versions: tuple[Version, ...]


class Kind(NamedTuple):
    """A kind as its CRD declares it. `scale` holds the spec, status and selector paths of the scale subresource."""

    view: type[View]
    group: Group
    plural: str
    short_names: tuple[str, ...] = ()
    columns: tuple[Column, ...] = ()
    has_status: bool = True
    scale: tuple[str, str, str] | None = None
    label: str = "kubevirt.io"
    namespaced: bool = True
    in_all: bool = True  # whether `kubectl get all` shows it

    @property
    def name(self) -> str:
        """The kind's name, such as VirtualMachine."""
        return self.view.__name__


def _presets_end(version: str) -> Version:
    warning = f"kubevirt.io/{version} VirtualMachineInstancePresets is now deprecated and will be removed in v2."
    return Version(version, version == "v1alpha3", warning)


_V1ALPHA3_ENDS = "kubevirt.io/v1alpha3 is now deprecated and will be removed in a future release."
_EXPORT_V1BETA1_ENDS = (
    "export.kubevirt.io/v1beta1 VirtualMachineExport is now deprecated and will be removed in a future version."
)
_ALPHA_AND_BETA: Final = (Version("v1alpha1", stored=False), Version("v1beta1"))
CORE: Final = Group("kubevirt.io", (Version("v1"), Version("v1alpha3", stored=False, warning=_V1ALPHA3_ENDS)))
PRESET: Final = Group("kubevirt.io", (_presets_end("v1"), _presets_end("v1alpha3")))
POOL: Final = Group("pool.kubevirt.io", _ALPHA_AND_BETA)
SNAPSHOT: Final = Group("snapshot.kubevirt.io", _ALPHA_AND_BETA)
EXPORT: Final = Group(
    "export.kubevirt.io", (Version("v1beta1", stored=False, warning=_EXPORT_V1BETA1_ENDS), Version("v1"))
)
BACKUP: Final = Group("backup.kubevirt.io", (Version("v1alpha1"),))
CLONE: Final = Group("clone.kubevirt.io", _ALPHA_AND_BETA)
INSTANCETYPE: Final = Group("instancetype.kubevirt.io", (Version("v1beta1"),))
MIGRATIONS: Final = Group("migrations.kubevirt.io", (Version("v1alpha1"),))
PODVIRT: Final = Group("podvirt.io", (Version("v1alpha1"),))
"""Kinds of our own."""
PLUGIN: Final = Group("plugin.kubevirt.io", (Version("v1alpha1"),))


def _condition(name: str, condition: str, priority: int = 0) -> Column:
    return Column(name, f".status.conditions[?(@.type=='{condition}')].status", priority=priority)


_AGE = Column("Age", ".metadata.creationTimestamp", "date")
_PHASE = Column("Phase", ".status.phase")
_READY = _condition("Ready", "Ready")
_SOURCE = (Column("SourceKind", ".spec.source.kind"), Column("SourceName", ".spec.source.name"))
_KEPT = (
    Column("ReadyToUse", ".status.readyToUse", "boolean"),
    Column("CreationTime", ".status.creationTime", "date"),
    Column("Error", ".status.error.message"),
)
_REPLICAS = (
    Column("Desired", ".spec.replicas", "integer"),
    Column("Current", ".status.replicas", "integer"),
    Column("Ready", ".status.readyReplicas", "integer"),
    _AGE,
)
_SCALE = (".spec.replicas", ".status.replicas", ".status.labelSelector")

_ROWS = (
    Kind(
        VirtualMachine,
        CORE,
        "virtualmachines",
        ("vm", "vms"),
        (_AGE, Column("Status", ".status.printableStatus"), _READY),
    ),
    Kind(
        VirtualMachineInstance,
        CORE,
        "virtualmachineinstances",
        ("vmi", "vmis"),
        (
            _AGE,
            _PHASE,
            Column("IP", ".status.interfaces[0].ipAddress"),
            Column("NodeName", ".status.nodeName"),
            _READY,
            _condition("Live-Migratable", "LiveMigratable", priority=1),
            _condition("Paused", "Paused", priority=1),
        ),
        has_status=False,
    ),
    Kind(
        VirtualMachineInstancePreset,
        PRESET,
        "virtualmachineinstancepresets",
        ("vmipreset", "vmipresets"),
        has_status=False,
    ),
    Kind(
        VirtualMachineInstanceReplicaSet,
        CORE,
        "virtualmachineinstancereplicasets",
        ("vmirs", "vmirss"),
        _REPLICAS,
        scale=_SCALE,
    ),
    Kind(
        VirtualMachineInstanceMigration,
        CORE,
        "virtualmachineinstancemigrations",
        ("vmim", "vmims"),
        (_PHASE, Column("VMI", ".spec.vmiName")),
    ),
    Kind(KubeVirt, CORE, "kubevirts", ("kv", "kvs"), (_AGE, _PHASE), label="operator.kubevirt.io"),
    Kind(VirtualMachinePool, POOL, "virtualmachinepools", ("vmpool", "vmpools"), _REPLICAS, scale=_SCALE),
    Kind(
        VirtualMachineSnapshot,
        SNAPSHOT,
        "virtualmachinesnapshots",
        ("vmsnapshot", "vmsnapshots"),
        (*_SOURCE, _PHASE, *_KEPT),
    ),
    Kind(
        VirtualMachineSnapshotContent,
        SNAPSHOT,
        "virtualmachinesnapshotcontents",
        ("vmsnapshotcontent", "vmsnapshotcontents"),
        _KEPT,
    ),
    Kind(
        VirtualMachineRestore,
        SNAPSHOT,
        "virtualmachinerestores",
        ("vmrestore", "vmrestores"),
        (
            Column("TargetKind", ".spec.target.kind"),
            Column("TargetName", ".spec.target.name"),
            Column("Complete", ".status.complete", "boolean"),
            Column("RestoreTime", ".status.restoreTime", "date"),
        ),
    ),
    Kind(VirtualMachineExport, EXPORT, "virtualmachineexports", ("vmexport", "vmexports"), (*_SOURCE, _PHASE)),
    Kind(
        VirtualMachineBackup,
        BACKUP,
        "virtualmachinebackups",
        ("vmbackup", "vmbackups"),
        (*_SOURCE, Column("Type", ".status.type"), Column("CheckpointName", ".status.checkpointName")),
    ),
    Kind(
        VirtualMachineBackupTracker,
        BACKUP,
        "virtualmachinebackuptrackers",
        ("vmbackuptracker", "vmbackuptrackers"),
        _SOURCE,
    ),
    Kind(
        VirtualMachineClone,
        CLONE,
        "virtualmachineclones",
        ("vmclone", "vmclones"),
        (
            _PHASE,
            Column("SourceVirtualMachine", ".spec.source.name"),
            Column("TargetVirtualMachine", ".spec.target.name"),
        ),
    ),
    Kind(
        VirtualMachineInstancetype,
        INSTANCETYPE,
        "virtualmachineinstancetypes",
        ("vminstancetype", "vminstancetypes", "vmf", "vmfs"),
        has_status=False,
    ),
    Kind(
        VirtualMachineClusterInstancetype,
        INSTANCETYPE,
        "virtualmachineclusterinstancetypes",
        ("vmclusterinstancetype", "vmclusterinstancetypes", "vmcf", "vmcfs"),
        has_status=False,
        namespaced=False,
        in_all=False,
    ),
    Kind(
        VirtualMachinePreference,
        INSTANCETYPE,
        "virtualmachinepreferences",
        ("vmpref", "vmprefs", "vmp", "vmps"),
        has_status=False,
    ),
    Kind(
        VirtualMachineClusterPreference,
        INSTANCETYPE,
        "virtualmachineclusterpreferences",
        ("vmcp", "vmcps"),
        has_status=False,
        namespaced=False,
        in_all=False,
    ),
    Kind(MigrationPolicy, MIGRATIONS, "migrationpolicies", namespaced=False, in_all=False),
    Kind(
        Maintenance,
        PODVIRT,
        "maintenances",
        columns=(
            Column("Node", ".spec.nodeName"),
            _PHASE,
            Column("Progress", ".status.progress"),
            Column("Deadline", ".status.deadlineTimestamp", "date", 1),
            Column("Message", ".status.message", priority=1),
            _AGE,
        ),
        namespaced=False,
        in_all=False,
    ),
    Kind(Plugin, PLUGIN, "plugins", has_status=False, namespaced=False, in_all=False),
)

KINDS: Final = {row.name: row for row in _ROWS}
