"""The target's pod of a migration: the launcher pod of the VMI once more, on another node that can take this guest."""

from __future__ import annotations

from typing import Any

from virt_controller.plan import launcher_pod
from virt_controller.plan.migration_world import MigrationWorld
from virt_model import labels, names
from virt_model.seen import Vmi

Json = dict[str, Any]
JOB_NAME = "kubevirt.io/migrationJobName"
_ANY_MODEL = ("", "host-model")


def render(world: MigrationWorld, vmi: Vmi) -> Json:
    """Raises msgspec.ValidationError for a spec of the wrong shape."""
    pod, migration = launcher_pod.render(vmi.raw, world.config, world.launcher_image), world.migration
    metadata, spec = pod["metadata"], pod["spec"]
    metadata["name"] = names.target_pod_name(migration.vmi_name, migration.uid)
    metadata["labels"] = {**metadata["labels"], labels.MIGRATION_JOB_UID: migration.uid}
    metadata["annotations"] = {**metadata["annotations"], JOB_NAME: migration.name}
    added = migration.spec.get("addedNodeSelector") or {}
    spec["nodeSelector"] = {**added, **_machine(spec["nodeSelector"], vmi), **_cpu(world, vmi)}
    spec["affinity"] = _apart(spec.get("affinity") or {}, vmi.uid)
    return pod


def _machine(own: dict[str, str], vmi: Vmi) -> dict[str, str]:
    """The launcher's own selector, with the very machine type that the guest runs as."""
    running = str((vmi.status.get("machine") or {}).get("type") or "")
    if not running:
        return own
    kept = {key: value for key, value in own.items() if not key.startswith(labels.MACHINE_TYPE_PREFIX)}
    return {**kept, f"{labels.MACHINE_TYPE_PREFIX}{running}": "true"}


def _cpu(world: MigrationWorld, vmi: Vmi) -> dict[str, str]:
    """A guest with the model of its host needs a host that can show the same one."""
    model = str(((vmi.spec.get("domain") or {}).get("cpu") or {}).get("model") or "")
    if (model or world.config.cpu_model) not in _ANY_MODEL:
        return {}
    wanted = {}
    for label, value in world.node_labels.items():
        prefix, slash, name = label.partition("/")
        if prefix + slash == labels.HOST_MODEL_CPU_PREFIX:
            wanted[labels.CPU_MODEL_MIGRATION_PREFIX + name] = value
        elif prefix + slash == labels.HOST_MODEL_FEATURES_PREFIX:
            wanted[labels.CPU_FEATURE_PREFIX + name] = value
        elif prefix + slash == labels.CPU_VENDOR_PREFIX:
            wanted[label] = value
    return wanted


def _apart(affinity: Json, vmi_uid: str) -> Json:
    """Never on a node that has a pod of this VMI."""
    rule = {
        "labelSelector": {"matchLabels": {labels.CREATED_BY: vmi_uid}},
        "topologyKey": "kubernetes.io/hostname",
    }
    anti = affinity.get("podAntiAffinity") or {}
    required = [*(anti.get("requiredDuringSchedulingIgnoredDuringExecution") or ()), rule]
    return {**affinity, "podAntiAffinity": {**anti, "requiredDuringSchedulingIgnoredDuringExecution": required}}
