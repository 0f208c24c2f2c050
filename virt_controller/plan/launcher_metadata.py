"""Name, labels and annotations of a launcher pod: what Services, backup, mesh and descheduler know it by."""

from __future__ import annotations

import json
from typing import Any, Final

from virt_controller.plan.launcher import Launcher
from virt_controller.plan.launcher_resources import memory_overhead
from virt_controller.plan.vmi_status import primary_network
from virt_model import labels, names, network_rules

Json = dict[str, Any]
#: annotations that speak of the VMI object itself
_NOT_COPIED: Final = frozenset({labels.LAST_APPLIED, labels.OBSERVED_API_VERSION, labels.STORAGE_API_VERSION})
_NETWORKS: Final = "k8s.v1.cni.cncf.io/networks"
_DEFAULT_NETWORK: Final = "v1.multus-cni.io/default-network"


def metadata(launcher: Launcher) -> Json:
    vmi = launcher.vmi
    return {
        "name": names.launcher_pod_name(vmi.name, vmi.uid),
        "generateName": names.launcher_generate_name(vmi.name),
        "namespace": vmi.namespace,
        "labels": _labels(launcher),
        "annotations": _annotations(launcher),
        "ownerReferences": [
            {
                "apiVersion": "kubevirt.io/v1",
                "kind": "VirtualMachineInstance",
                "name": vmi.name,
                "uid": vmi.uid,
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ],
    }


def _labels(launcher: Launcher) -> dict[str, str]:
    vmi = launcher.vmi
    return {
        **vmi.labels,
        labels.ROLE: labels.ROLE_LAUNCHER,
        labels.CREATED_BY: vmi.uid,
        labels.VM_NAME: names.hostname(vmi.name, launcher.spec.hostname),
        labels.VMI_ID: names.vmi_id_label(vmi.name),
    }


def _annotations(launcher: Launcher) -> dict[str, str]:
    vmi = launcher.vmi
    copied = {key: value for key, value in vmi.annotations.items() if key not in _NOT_COPIED}
    return {
        **copied,
        labels.DOMAIN: vmi.name,
        labels.DEFAULT_CONTAINER: "compute",
        labels.MIGRATION_TRANSPORT_UNIX: "true",
        labels.MEMORY_OVERHEAD: str(memory_overhead(launcher)),
        labels.DESCHEDULER_EVICT_ONLY: "",
        **_backup_hooks(vmi.namespace, vmi.name),
        **_mesh(launcher),
        **_multus(launcher),
    }


def _backup_hooks(namespace: str, name: str) -> dict[str, str]:
    """Velero freezes the guest's file systems around a volume snapshot."""

    def command(verb: str) -> str:
        return json.dumps(["/usr/bin/virt-freezer", verb, "--name", name, "--namespace", namespace])

    pre, post = labels.VELERO_PRE_PREFIX, labels.VELERO_POST_PREFIX
    return {
        f"{pre}container": "compute",
        f"{pre}command": command("--freeze"),
        f"{pre}timeout": "60s",
        f"{post}container": "compute",
        f"{post}command": command("--unfreeze"),
    }


def _mesh(launcher: Launcher) -> dict[str, str]:
    """Istio must treat the guest's bridge as it treats a pod's own interface."""
    if not any(nic.masquerade is not None for nic in launcher.spec.domain.devices.interfaces):
        return {}
    bridge = network_rules.bridge_name(network_rules.PRIMARY_POD_INTERFACE)
    return {labels.ISTIO_KUBEVIRT_INTERFACES: bridge, labels.ISTIO_REROUTE_INTERFACES: bridge}


def _multus(launcher: Launcher) -> dict[str, str]:
    primary = primary_network(launcher.vmi.spec)
    macs = {nic.name: nic.mac_address for nic in launcher.spec.domain.devices.interfaces}
    found: dict[str, str] = {}
    attachments = []
    for network in launcher.spec.networks:
        if network.multus is None:
            continue
        if network.name == primary:
            found[_DEFAULT_NETWORK] = network.multus.network_name
            continue
        namespace, _, name = network.multus.network_name.rpartition("/")
        entry = {
            "name": name,
            "namespace": namespace or launcher.vmi.namespace,
            "interface": network_rules.pod_interface(network.name, primary=False),
        }
        if mac := macs.get(network.name):
            entry["mac"] = mac
        attachments.append(entry)
    if attachments:
        found[_NETWORKS] = json.dumps(attachments, separators=(",", ":"))
    return found
