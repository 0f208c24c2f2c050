"""NICs of a VM or VMI as samples."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from virt_model.monitoring.row import Sample

Json = dict[str, Any]
_CORE: Final = ("masquerade", "bridge", "sriov", "slirp", "macvtap", "passt", "passtBinding")


def samples(row: str, namespace: str, name: str, spec: Json) -> Iterator[Sample]:
    """One for each NIC with a network. `spec` is a VMI's."""
    networks = {str(network.get("name")): _network(network) for network in spec.get("networks") or ()}
    for nic in ((spec.get("domain") or {}).get("devices") or {}).get("interfaces") or ():
        network = networks.get(str(nic.get("name")))
        if network is not None:
            binding_type, binding = _binding(nic)
            labels = (name, namespace, str(nic["name"]), binding_type, network, binding, nic.get("model") or "<none>")
            yield Sample(row, labels, 1)


def _network(network: Json) -> str:
    return "pod networking" if "pod" in network else str((network.get("multus") or {}).get("networkName") or "")


def _binding(nic: Json) -> tuple[str, str]:
    plugin = (nic.get("binding") or {}).get("name")
    if plugin:
        return "plugin", str(plugin)
    return "core", next((name for name in _CORE if nic.get(name) is not None), "")
