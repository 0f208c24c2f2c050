"""How the parts of a VM's network are named and numbered in the pod.

```
 pod's veth eth0   ─ masquerade ─►  bridge k6t-eth0 (10.0.2.1)  ─ tap0 ─ guest (10.0.2.2)
 pod's veth eth0-nic ─ bridge ───►  bridge k6t-eth0             ─ tap0 ─ guest (the pod's own address)
```
A secondary network's parts carry 11 hex digits of its name's SHA-256 in place of `eth0` and `0`.
"""

from __future__ import annotations

import hashlib
from typing import Final

PRIMARY_POD_INTERFACE: Final = "eth0"
MASQUERADE_CIDR: Final = "10.0.2.0/24"
MASQUERADE_CIDR_V6: Final = "fd10:0:2::/120"
MASQUERADE_BRIDGE_MAC: Final = "02:00:00:00:00:00"
DEFAULT_NIC_MODEL: Final = "virtio"
VIRTIO_NIC_MODELS: Final = frozenset({"", "virtio"})
BINDINGS: Final = ("bridge", "masquerade", "sriov", "passtBinding", "binding")
_HASH_DIGITS: Final = 11


def _hashed(network: str) -> str:
    return hashlib.sha256(network.encode()).hexdigest()[:_HASH_DIGITS]


def pod_interface(network: str, *, primary: bool) -> str:
    """The pod's own interface for a network: eth0 for the primary one (pod network or default multus network)."""
    return PRIMARY_POD_INTERFACE if primary else f"pod{_hashed(network)}"


def bridge_name(pod_interface_name: str) -> str:
    return f"k6t-{_tail(pod_interface_name)}"


def tap_name(pod_interface_name: str) -> str:
    """tap0 for eth0, `tap<hash>` for a hashed interface."""
    return "tap0" if pod_interface_name == PRIMARY_POD_INTERFACE else f"tap{_tail(pod_interface_name)}"


def renamed_nic(pod_interface_name: str) -> str:
    """What the pod's interface is called while a bridge binding has taken its place."""
    return f"{_tail(pod_interface_name)}-nic"


def _tail(pod_interface_name: str) -> str:
    return pod_interface_name.removeprefix("pod")


def is_virtio(model: str) -> bool:
    return model in VIRTIO_NIC_MODELS
