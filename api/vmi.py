"""VirtualMachineInstance: one running, or about to run, virtual machine."""

from __future__ import annotations

from typing import Annotated

from api.access import AccessCredential
from api.core import Affinity, PodDNSConfig, Toleration, TopologySpreadConstraint
from api.devices import Devices
from api.domain import DomainSpec
from api.marks import ATOMIC_LIST, OPAQUE, Int64, admission_enum, capped, map_list
from api.meta import ObjectMeta
from api.network import Network
from api.probe import Probe
from api.view import View
from api.vmi_status import VirtualMachineInstanceStatus
from api.volume import UtilityVolume, Volume


class VirtualMachineInstanceResourceClaim(View, frozen=True, kw_only=True):
    """A claim on devices that devices of this VM are taken from; one of the two sources."""

    name: str
    """Name within this VM."""
    resource_claim_name: str | None = None
    """A claim that exists."""
    resource_claim_template_name: str | None = None
    """A template from which the pod's own claim is made."""


class VirtualMachineInstanceSpec(View, frozen=True, kw_only=True):
    """The wanted machine: its hardware, its volumes and networks, and where it may run."""

    domain: DomainSpec
    """Virtual hardware."""
    volumes: Annotated[tuple[Volume, ...], capped(256)] = ()
    """What disks and file systems are made of."""
    networks: Annotated[tuple[Network, ...], capped(256)] = ()
    """What interfaces are attached to."""
    architecture: str = ""
    """amd64, arm64 or s390x."""
    node_selector: dict[str, str] = {}
    """Labels a node must have."""
    affinity: Affinity | None = None
    """Rules about nodes and neighbours."""
    tolerations: tuple[Toleration, ...] = ()
    """Taints that do not matter."""
    topology_spread_constraints: Annotated[
        tuple[TopologySpreadConstraint, ...], map_list("topologyKey", "whenUnsatisfiable")
    ] = ()
    """How to spread over places."""
    scheduler_name: str = ""
    """Scheduler that places the pod; absent means the default one."""
    priority_class_name: str = ""
    """PriorityClass of the pod."""
    service_account_name: str = ""
    """Service account the pod runs under."""
    termination_grace_period_seconds: Int64 | None = None
    """Seconds a guest has to power off before it is cut; absent means 30."""
    eviction_strategy: str | None = None
    """What a drain does: None, LiveMigrate, LiveMigrateIfPossible or External; absent means as the cluster says."""
    start_strategy: str | None = None
    """Paused boots the guest stopped at its first instruction."""
    liveness_probe: Probe | None = None
    """Whether the guest lives; failure stops the instance."""
    readiness_probe: Probe | None = None
    """Whether services may send to the guest."""
    hostname: str = ""
    """Host name of the guest; absent means the object's name."""
    subdomain: str = ""
    """Headless Service under which the guest has a DNS name."""
    dns_policy: Annotated[str, admission_enum("ClusterFirst", "ClusterFirstWithHostNet", "Default", "None")] = ""
    """How the pod's resolv.conf is made, which DHCP passes on."""
    dns_config: PodDNSConfig | None = None
    """Additions to it."""
    access_credentials: Annotated[tuple[AccessCredential, ...], capped(256), ATOMIC_LIST] = ()
    """SSH keys and passwords."""
    resource_claims: Annotated[tuple[VirtualMachineInstanceResourceClaim, ...], map_list("name")] = ()
    """Claims on devices."""
    utility_volumes: Annotated[tuple[UtilityVolume, ...], capped(256), map_list("name")] = ()
    """Claims for the VM's helpers."""


class VirtualMachineInstanceTemplateSpec(View, frozen=True, kw_only=True):
    """The mould of an instance: its labels and its spec."""

    metadata: Annotated[ObjectMeta, OPAQUE] = ObjectMeta()
    """Labels and annotations of the instance."""
    spec: VirtualMachineInstanceSpec = VirtualMachineInstanceSpec(domain=DomainSpec(devices=Devices()))
    """Spec of the instance."""


class VirtualMachineInstance(View, frozen=True, kw_only=True):
    """A virtual machine that runs in a pod, from start to end; a new start is a new instance."""

    api_version: str = ""
    """Group and version of this kind."""
    kind: str = ""
    """VirtualMachineInstance."""
    metadata: ObjectMeta = ObjectMeta()
    """Identity of the object."""
    spec: VirtualMachineInstanceSpec
    """What is wanted."""
    status: VirtualMachineInstanceStatus = VirtualMachineInstanceStatus()
    """What is the case."""
