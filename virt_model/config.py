"""What the KubeVirt object configures, with the defaults that hold where it is silent.

Every component keeps the object from a watch and turns each new version into one of these, so a change of
configuration takes effect at once. A value of the wrong type counts as absent: the CRD's schema refuses it, and a
component must not fall over an object that was stored before.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeVar

import msgspec

from virt_model import gates, node_lease
from virt_model.migration_settings import MigrationSettings, settings_of

Json = Mapping[str, Any]
T = TypeVar("T")

DEFAULT_ARCH: Final = "amd64"
MACHINE_TYPES: Final = {"amd64": "q35", "arm64": "virt", "s390x": "s390-ccw-virtio"}
EMULATED_MACHINES: Final = {
    "amd64": ("q35*", "pc-q35*"),
    "arm64": ("virt*",),
    "s390x": ("s390-ccw-virtio*",),
}
DEFAULT_VERBOSITY: Final = 2
VERBOSITY_FIELDS: Final = {
    "virt-api": "virtAPI",
    "virt-controller": "virtController",
    "virt-handler": "virtHandler",
    "virt-launcher": "virtLauncher",
    "virt-operator": "virtOperator",
}
"""The field of `logVerbosity` that speaks of each component."""
FLAGGED: Final = {"api": "virt-api", "controller": "virt-controller", "handler": "virt-handler"}
"""Keys of `customizeComponents.flags`, and whose they are."""
FIRMWARE_DIRS: Final = {"amd64": "/usr/share/edk2/ovmf", "arm64": "/usr/share/AAVMF", "s390x": ""}


class Smbios(msgspec.Struct, frozen=True, kw_only=True):
    """What a guest's DMI tables say about the machine it believes to run on."""

    manufacturer: str = "KubeVirt"
    product: str = "None"
    family: str = "KubeVirt"
    version: str = ""
    sku: str = ""


class LiveUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """How much bigger a running guest may get; sizes are quantities, "" and 0 where nothing is said."""

    max_hotplug_ratio: int = 4
    max_cpu_sockets: int = 0
    max_guest: str = ""


class ClusterConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One reading of the KubeVirt object. Quantities are kept as written."""

    use_emulation: bool = False
    cpu_allocation_ratio: int = 10
    memory_overcommit: int = 100  # percent
    cpu_request: str = "100m"
    cpu_model: str = ""
    overhead_ratio: str = "1"  # additionalGuestMemoryOverheadRatio
    node_selectors: dict[str, str] = {}
    default_architecture: str = DEFAULT_ARCH
    machine_types: dict[str, str] = msgspec.field(default_factory=lambda: dict(MACHINE_TYPES))
    emulated_machines: dict[str, tuple[str, ...]] = msgspec.field(default_factory=lambda: dict(EMULATED_MACHINES))
    firmware_dirs: dict[str, str] = msgspec.field(default_factory=lambda: dict(FIRMWARE_DIRS))
    eviction_strategy: str = "None"
    default_network_interface: str = "bridge"
    permit_bridge_on_pod_network: bool = True
    mem_balloon_stats_period: int = 10  # seconds
    image_pull_policy: str = "IfNotPresent"
    image_pull_secrets: tuple[str, ...] = ()  # names; of launcher pods, they are looked for beside the VM
    smbios: Smbios = Smbios()
    disk_memory_limit: str = "2000Mi"
    vm_rollout_strategy: str = "LiveUpdate"
    live_update: LiveUpdate = LiveUpdate()
    migrations: MigrationSettings = MigrationSettings()
    free_page_reporting_disabled: bool = False
    serial_console_log_disabled: bool = False
    self_fencing: bool = False
    """Of guests that do not say it themselves: see `virt_model.node_lease`."""
    lease_seconds: int = node_lease.DEFAULT_SECONDS
    seccomp_profile: dict[str, Any] = {}  # customProfile of virtualMachineInstanceProfile
    obsolete_cpu_models: tuple[str, ...] = ()
    minimum_reserve_pvc_bytes: int = 131072
    less_pvc_space_toleration: int = 10  # percent
    log_verbosity: dict[str, Any] = {}
    verbosity_flags: dict[str, int] = {}
    cluster_profiler: bool = False
    gates_on: frozenset[str] = frozenset()
    gates_off: frozenset[str] = frozenset()

    def gate(self, name: str) -> bool:
        return gates.enabled(name, self.gates_on, self.gates_off)

    def verbosity(self, component: str, node: str = "") -> int:
        """How much a component says in its log; for an agent, what is said of its node counts first."""
        of_node, flag = _get(self.log_verbosity, int, "nodeVerbosity", node), self.verbosity_flags.get(component)
        said = (of_node, self._verbosity_of(component), flag)
        return next((level for level in said if level is not None), DEFAULT_VERBOSITY)

    def _verbosity_of(self, component: str) -> int | None:
        return _get(self.log_verbosity, int, VERBOSITY_FIELDS[component])

    def machine_type(self, architecture: str) -> str:
        return self.machine_types.get(architecture) or MACHINE_TYPES.get(architecture, "")


DEFAULT: Final = ClusterConfig()


def from_kubevirt(raw: Json | None) -> ClusterConfig:
    """The configuration in a KubeVirt object; the defaults when there is none."""
    if not raw:
        return DEFAULT
    configuration = _dict(raw, "spec", "configuration")
    found = {
        **_developer(_dict(configuration, "developerConfiguration")),
        **_guests(configuration),
        **_architectures(configuration, _dict(raw, "status")),
        **_machines(configuration),
        **_fencing(_dict(raw, "metadata", "annotations")),
        "image_pull_secrets": _pull_secrets(_dict(raw, "spec")),
        "verbosity_flags": _verbosity_flags(_dict(raw, "spec", "customizeComponents", "flags")),
    }
    return ClusterConfig(**{key: value for key, value in found.items() if value is not None})


def _verbosity_flags(flags: Json) -> dict[str, int]:
    """The flag `v` of each component's command line, which is read here so that it needs no new process."""
    said = {component: _text(flags, key, "v") for key, component in FLAGGED.items()}
    return {component: int(text) for component, text in said.items() if text and text.isdecimal()}


def _fencing(annotations: Json) -> dict[str, Any]:
    said = _text(annotations, node_lease.LEASE_SECONDS) or ""
    shortest, longest = node_lease.SHORTEST_SECONDS, node_lease.LONGEST_SECONDS
    seconds = min(max(int(said), shortest), longest) if said.isdecimal() else None
    return {"self_fencing": annotations.get(node_lease.WANTED) == "true", "lease_seconds": seconds}


def _developer(developer: Json) -> dict[str, Any]:
    return {
        "use_emulation": _get(developer, bool, "useEmulation"),
        "cpu_allocation_ratio": _positive(developer, "cpuAllocationRatio"),
        "memory_overcommit": _positive(developer, "memoryOvercommit"),
        "node_selectors": _get(developer, dict, "nodeSelectors"),
        "disk_memory_limit": _text(developer, "diskVerification", "memoryLimit"),
        "minimum_reserve_pvc_bytes": _get(developer, int, "minimumReservePVCBytes"),
        "less_pvc_space_toleration": _get(developer, int, "pvcTolerateLessSpaceUpToPercent"),
        "log_verbosity": _get(developer, dict, "logVerbosity"),
        "cluster_profiler": _get(developer, bool, "clusterProfiler"),
        "gates_on": frozenset(_get(developer, list, "featureGates") or ()),
        "gates_off": frozenset(_get(developer, list, "disabledFeatureGates") or ()),
    }


def _guests(configuration: Json) -> dict[str, Any]:
    options = _dict(configuration, "virtualMachineOptions")
    return {
        "cpu_request": _text(configuration, "cpuRequest"),
        "cpu_model": _get(configuration, str, "cpuModel"),
        "overhead_ratio": _text(configuration, "additionalGuestMemoryOverheadRatio"),
        "eviction_strategy": _get(configuration, str, "evictionStrategy"),
        "default_network_interface": _get(configuration, str, "network", "defaultNetworkInterface"),
        "permit_bridge_on_pod_network": _get(configuration, bool, "network", "permitBridgeInterfaceOnPodNetwork"),
        "mem_balloon_stats_period": _get(configuration, int, "memBalloonStatsPeriod"),
        "image_pull_policy": _get(configuration, str, "imagePullPolicy") or None,
        "vm_rollout_strategy": _get(configuration, str, "vmRolloutStrategy"),
        "migrations": settings_of(_dict(configuration, "migrations")),
        "live_update": _live_update(_dict(configuration, "liveUpdateConfiguration")),
        "free_page_reporting_disabled": "disableFreePageReporting" in options,
        "serial_console_log_disabled": "disableSerialConsoleLog" in options,
        "seccomp_profile": _get(
            configuration, dict, "seccompConfiguration", "virtualMachineInstanceProfile", "customProfile"
        ),
    }


def _machines(configuration: Json) -> dict[str, Any]:
    smbios = _dict(configuration, "smbios")
    known = {key: smbios[key] for key in Smbios.__struct_fields__ if isinstance(smbios.get(key), str) and smbios[key]}
    obsolete = _dict(configuration, "obsoleteCPUModels")
    return {
        "smbios": Smbios(**known),
        "obsolete_cpu_models": tuple(sorted(name for name, is_obsolete in obsolete.items() if is_obsolete)),
    }


def _architectures(configuration: Json, status: Json) -> dict[str, Any]:
    per_arch = _dict(configuration, "architectureConfiguration")
    machines, emulated, firmware = dict(MACHINE_TYPES), dict(EMULATED_MACHINES), dict(FIRMWARE_DIRS)
    if machine := _get(configuration, str, "machineType"):
        machines[DEFAULT_ARCH] = machine
    if patterns := _get(configuration, list, "emulatedMachines"):
        emulated[DEFAULT_ARCH] = tuple(patterns)
    for arch in MACHINE_TYPES:
        own = _dict(per_arch, arch)
        machines[arch] = _get(own, str, "machineType") or machines[arch]
        emulated[arch] = tuple(_get(own, list, "emulatedMachines") or emulated[arch])
        firmware[arch] = _get(own, str, "ovmfPath") or firmware[arch]
    default = _get(status, str, "defaultArchitecture") or _get(per_arch, str, "defaultArchitecture")
    return {
        "machine_types": machines,
        "emulated_machines": emulated,
        "firmware_dirs": firmware,
        "default_architecture": default or None,
    }


def _pull_secrets(spec: Json) -> tuple[str, ...]:
    listed = (_get(each, str, "name") for each in _get(spec, list, "imagePullSecrets") or ())
    return tuple(name for name in listed if name)


def _live_update(raw: Json) -> LiveUpdate:
    return LiveUpdate(
        max_hotplug_ratio=_positive(raw, "maxHotplugRatio") or 4,
        max_cpu_sockets=_positive(raw, "maxCpuSockets") or 0,
        max_guest=_text(raw, "maxGuest") or "",
    )


def _get(raw: Json, kind: type[T], *path: str) -> T | None:
    """The value at a path if it is of that type."""
    value: Any = raw
    for step in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(step)
    fits = isinstance(value, kind) and not (kind is int and isinstance(value, bool))
    return value if fits else None


def _dict(raw: Json, *path: str) -> Json:
    return _get(raw, dict, *path) or {}


def _positive(raw: Json, *path: str) -> int | None:
    value = _get(raw, int, *path)
    return value if value and value > 0 else None


def _text(raw: Json, *path: str) -> str | None:
    """A string, or a number as text: quantities and ratios may be written either way."""
    value = _get(raw, object, *path)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return str(value) or None
