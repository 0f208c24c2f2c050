"""Networking defaults, and bindings the administrator registers."""

from __future__ import annotations

from msgspec import field

from api.cpu_memory import ResourceRequirementsWithoutClaims
from api.view import View


class InterfaceBindingMigration(View, frozen=True, kw_only=True):
    """How a binding migrates."""

    method: str = ""
    """link-refresh cycles the guest's link on the target; empty does nothing."""


class InterfaceBindingPlugin(View, frozen=True, kw_only=True):
    """A way of binding."""

    sidecar_image: str = ""
    """Image of a sidecar that does the work."""
    network_attachment_definition: str = ""
    """CNI plugin that does the work."""
    domain_attachment_type: str = ""
    """Device made for the guest by us: tap or managedTap."""
    migration: InterfaceBindingMigration | None = None
    """Set when it can migrate."""
    downward_api: str = field(name="downwardAPI", default="")
    """device-info passes the CNI's device information on."""
    compute_resource_overhead: ResourceRequirementsWithoutClaims | None = None
    """What it adds to the launcher's resources."""


class NetworkConfiguration(View, frozen=True, kw_only=True):
    """Networking."""

    default_network_interface: str = field(name="defaultNetworkInterface", default="")
    """Binding of the interface VMs get unasked: bridge (the default) or masquerade."""
    permit_slirp_interface: bool | None = None
    """No effect any more."""
    permit_bridge_interface_on_pod_network: bool | None = None
    """False forbids bridge on the pod network; absent means true."""
    binding: dict[str, InterfaceBindingPlugin] = {}
    """Registered bindings by name."""
