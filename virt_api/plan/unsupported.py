"""What podvirt does not act on yet: fields, in one table, and kinds, whose table is in `virt_model.idle_kinds`.

A field that is stored and then ignored is worse than one that is refused: the guest would run without what its owner
asked for. So each row is a refusal with the path of the field. When a feature is built, its row goes; when the table
is empty, so does this module.

A path names fields; `*` stands for each item of a list. A row with `values` refuses just those values. A row holds
when something other than null, false or an empty list stands at its path (an empty object counts: `sriov: {}`).
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from api.crd.kinds import KINDS
from virt_api.plan.causes import NOT_SUPPORTED, Cause, Refusal, refuse
from virt_api.plan.reading import found, table
from virt_model import labels
from virt_model.idle_kinds import IDLE_KINDS


class Row(msgspec.Struct, frozen=True):
    """One field, and in the user's words what it would do."""

    path: str
    what: str
    values: tuple[str, ...] = ()


_DEVICES = "domain.devices."
_DISK = "domain.devices.disks.*."
_INTERFACE = "domain.devices.interfaces.*."
_VOLUME = "volumes.*."

SPEC: tuple[Row, ...] = (
    # placement and life
    Row("architecture", "guests of another architecture", ("arm64", "s390x")),
    Row("resourceClaims", "dynamic resource allocation"),
    Row("utilityVolumes", "utility volumes"),
    # CPU and memory
    Row("domain.cpu.dedicatedCpuPlacement", "dedicated CPUs"),
    Row("domain.cpu.isolateEmulatorThread", "dedicated CPUs"),
    Row("domain.cpu.numa", "a NUMA topology of the guest"),
    Row("domain.cpu.realtime", "real-time CPUs"),
    Row("domain.memory.hugepages", "huge pages"),
    Row("domain.memory.reservedOverhead", "memory overhead of one's own"),
    # the board
    Row("domain.firmware.bootloader.efi.persistent", "UEFI variables that outlive the guest"),
    Row("domain.firmware.kernelBoot", "booting a kernel from a container"),
    Row("domain.firmware.acpi", "ACPI tables of one's own"),
    Row("domain.launchSecurity", "confidential guests"),
    Row("domain.ioThreads", "I/O threads"),
    Row("domain.ioThreadsPolicy", "I/O threads"),
    # devices
    Row(_DEVICES + "autoattachInputDevice", "an input device of one's own accord"),
    Row(_DEVICES + "autoattachVSOCK", "vsock"),
    Row(_DEVICES + "downwardMetrics", "downward metrics"),
    Row(_DEVICES + "filesystems", "virtiofs"),
    Row(_DEVICES + "gpus", "GPUs"),
    Row(_DEVICES + "hostDevices", "host devices"),
    Row(_DEVICES + "sound", "sound"),
    Row(_DEVICES + "tpm", "a TPM"),
    # disks
    Row(_DISK + "lun", "LUN passthrough"),
    Row(_DISK + "dedicatedIOThread", "I/O threads"),
    Row(_DISK + "shareable", "sharing a disk between guests"),
    Row(_DISK + "changedBlockTracking", "changed block tracking"),
    Row(_DISK + "blockSize.matchVolume", "the block size of the volume"),
    Row(_DISK + "tag", "device role tags"),
    # interfaces and networks
    Row(_INTERFACE + "sriov", "SR-IOV"),
    Row(_INTERFACE + "passtBinding", "the passt binding"),
    Row(_INTERFACE + "binding", "network binding plugins"),
    Row(_INTERFACE + "portRanges", "port ranges"),
    Row(_INTERFACE + "tag", "device role tags"),
    Row(_INTERFACE + "state", "taking a link away", ("absent",)),
    Row("networks.*.multus", "secondary networks"),
    Row("networks.*.resourceClaim", "dynamic resource allocation"),
    # volumes
    Row(_VOLUME + "hostDisk", "disks in a directory of the node"),
    Row(_VOLUME + "persistentVolumeClaim", "persistent volume claims"),
    Row(_VOLUME + "dataVolume", "data volumes"),
    Row(_VOLUME + "ephemeral", "persistent volume claims"),
    Row(_VOLUME + "sysprep", "sysprep"),
    Row(_VOLUME + "configMap", "config map disks"),
    Row(_VOLUME + "secret", "secret disks"),
    Row(_VOLUME + "downwardAPI", "downward API disks"),
    Row(_VOLUME + "serviceAccount", "service account disks"),
    Row(_VOLUME + "downwardMetrics", "downward metrics"),
    Row(_VOLUME + "memoryDump", "memory dumps"),
    Row(_VOLUME + "containerPath", "directories of the launcher"),
)
VM: tuple[Row, ...] = (
    Row("instancetype", "instance types"),
    Row("preference", "preferences"),
    Row("dataVolumeTemplates", "data volumes"),
    Row("updateVolumesStrategy", "changing volumes of a running VM", ("Migration",)),
    Row("runStrategy", "receiving a migration from another cluster", ("WaitAsReceiver",)),
)

POLICY: tuple[Row, ...] = (Row("experimental", "migration settings under trial"),)
ANNOTATIONS: tuple[Row, ...] = (
    Row("hooks.kubevirt.io/hookSidecars", "hook sidecars"),
    Row(labels.IGNITION_DATA, "Ignition"),
    Row("kubevirt.io/libvirt-log-filters", "log filters of libvirt"),
)


def documentation() -> str:
    """The tables as Markdown; `docs/not-supported-yet.md` holds them, and a test that they are these."""
    kinds = [f"| `{name}` | `{KINDS[name].group.name}` | {what} |" for name, what in IDLE_KINDS.items()]
    lines = ["| kind | group | would give |", "|---|---|---|", *kinds, ""]
    lines += ["| field | would give | refused values |", "|---|---|---|"]
    for row in (*VM, *(_below("template.spec", row) for row in SPEC)):
        lines.append(f"| `spec.{row.path.replace('.*', '[]')}` | {row.what} | {_values(row)} |")
    for row in POLICY:
        lines.append(f"| MigrationPolicy `spec.{row.path}` | {row.what} | {_values(row)} |")
    for row in ANNOTATIONS:
        lines.append(f"| annotation `{row.path}` | {row.what} | {_values(row)} |")
    return "\n".join(lines)


def _below(path: str, row: Row) -> Row:
    return Row(f"{path}.{row.path}", row.what, row.values)


def _values(row: Row) -> str:
    return ", ".join(f"`{value}`" for value in row.values) or "all"


def unsupported_vmi(vmi: object, at: str = "") -> Iterator[Cause]:
    """A cause for everything in a VMI, or in a template of VMIs at `at` (`spec.template.`), that is refused."""
    yield from unsupported(table(vmi, "spec"), f"{at}spec", SPEC)
    said = table(vmi, "metadata", "annotations")
    for row in ANNOTATIONS:
        if _asked_for(said.get(row.path)):
            field = f"{at}metadata.annotations[{row.path}]"
            yield Cause(reason=NOT_SUPPORTED, message=f"{field}: {row.what}: not supported yet", field=field)


def refused_kind(kind: str) -> Refusal | None:
    """The answer to the creation of an object that nobody would act on; None for a kind that works."""
    if kind not in IDLE_KINDS:
        return None
    return refuse([Cause(reason=NOT_SUPPORTED, message=f"{kind}: {IDLE_KINDS[kind]}: not supported yet", field="kind")])


def unsupported(raw: object, at: str, rows: tuple[Row, ...]) -> Iterator[Cause]:
    """A cause for every field of `raw` (which stands at path `at`) that a row of the table refuses."""
    for row in rows:
        for positions, value in found(raw, row.path):
            if _asked_for(value) and (not row.values or value in row.values):
                field = f"{at}.{row.path}".replace(".*", "[{}]").format(*positions)
                yield Cause(reason=NOT_SUPPORTED, message=f"{field}: {row.what}: not supported yet", field=field)


def _asked_for(value: object) -> bool:
    return value is not None and value is not False and value != [] and value != ""
