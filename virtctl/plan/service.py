"""The Service that `virtctl expose` makes, from flags and from what is exposed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from virt_model import labels, names
from virtctl.failure import CommandFailed
from virtctl.plan.target import VMI

Json = dict[str, Any]
REPLICA_SET: Final = (
    "vmirs", "vmirss", "virtualmachineinstancereplicaset", "virtualmachineinstancereplicasets",
)  # fmt: skip
_PROTOCOLS: Final = ("TCP", "UDP")
_TYPES: Final = ("ClusterIP", "NodePort", "LoadBalancer")
_FAMILIES: Final = ("IPv4", "IPv6", "IPv4,IPv6", "IPv6,IPv4")
_POLICIES: Final = ("SingleStack", "PreferDualStack", "RequireDualStack")


class ServiceWish(msgspec.Struct, frozen=True, kw_only=True):
    """The flags by their names."""

    name: str
    cluster_ip: str = ""
    external_ip: str = ""
    port: int = 0
    protocol: str = "TCP"
    target_port: str = ""
    type: str = "ClusterIP"
    port_name: str = ""
    ip_family: str = ""
    ip_family_policy: str = ""


def shape(wish: ServiceWish) -> Json:
    """What the flags alone say of the Service's spec. Raises CommandFailed."""
    if wish.type.lower() == "externalname":
        raise CommandFailed(f"type: {wish.type} not supported")
    kind = _known(_TYPES, wish.type, "service type")
    families = _known(_FAMILIES, wish.ip_family, "IPFamily/s").split(",") if wish.ip_family else []
    policy = _known(_POLICIES, wish.ip_family_policy, "IPFamilyPolicy/s") if wish.ip_family_policy else ""
    protocol = _known(_PROTOCOLS, wish.protocol, "protocol")
    port = {"protocol": protocol, "port": wish.port, "name": wish.port_name, "targetPort": _target(wish.target_port)}
    spec = {
        "type": kind,
        "clusterIP": wish.cluster_ip,
        "externalIPs": [wish.external_ip] if wish.external_ip else [],
        "ipFamilies": families,
        "ipFamilyPolicy": policy or ("PreferDualStack" if len(families) > 1 else ""),
        "ports": [_without_empty(port)] if wish.port else [],
    }
    return _without_empty(spec)


def service(wish: ServiceWish, namespace: str, kind: str, exposed: Json) -> Json:
    """A Service that finds the pod of what is exposed. Raises CommandFailed."""
    name = exposed["metadata"]["name"]
    guest = exposed["spec"] if kind in VMI else (exposed["spec"].get("template") or {}).get("spec") or {}
    spec = {"ports": pod_network_ports(guest), **shape(wish), "selector": _selector(kind, exposed)}
    if not spec["selector"]:
        raise CommandFailed(f"cannot expose {kind} without any label: {name}")
    if not spec["ports"]:
        raise CommandFailed("couldn't find port via --port flag or introspection")
    metadata = {"name": wish.name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}


def pod_network_ports(guest: Json) -> list[Json]:
    """The ports that a guest's spec names on its interface on the pod network."""
    network = next((each["name"] for each in guest.get("networks") or () if "pod" in each), None)
    interfaces = ((guest.get("domain") or {}).get("devices") or {}).get("interfaces") or ()
    found = next((each.get("ports") or () for each in interfaces if each["name"] == network), ())
    return [
        {"name": f"port-{number}", "protocol": port.get("protocol") or "TCP", "port": port["port"]}
        for number, port in enumerate(found, 1)
    ]


def _selector(kind: str, exposed: Json) -> Mapping[str, str]:
    """A guest of its own is found by its name's label, whatever labels it carries; those of a set by the set's."""
    if kind not in REPLICA_SET:
        return {labels.VMI_ID: names.vmi_id_label(exposed["metadata"]["name"])}
    selector = exposed["spec"].get("selector") or {}
    if selector.get("matchExpressions"):
        raise CommandFailed("cannot expose VirtualMachineInstanceReplicaSet with match expressions")
    found: Mapping[str, str] = selector.get("matchLabels") or {}
    return found


def _known(values: tuple[str, ...], text: str, what: str) -> str:
    """The value as the API spells it."""
    for value in values:
        if value.lower() == text.lower():
            return value
    raise CommandFailed(f"unknown {what}: {text}")


def _target(text: str) -> str | int:
    return int(text) if text.isdecimal() else text


def _without_empty(values: Json) -> Json:
    return {key: value for key, value in values.items() if value not in ("", [], None)}
