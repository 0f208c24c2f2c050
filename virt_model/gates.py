"""Feature gates: which names exist, at what stage, and which are on.

GA beats `featureGates` beats `disabledFeatureGates` beats the stage's default: Beta is on, Alpha is off.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final


class Stage(StrEnum):
    ALPHA = "Alpha"
    BETA = "Beta"
    GA = "GA"
    DEPRECATED = "Deprecated"


_NAMES: Final = {
    Stage.BETA: """ImageVolume Snapshot WorkloadEncryptionSEV KubevirtSeccompProfile NodeRestriction GPUsWithDRA
        HostDevicesWithDRA DecentralizedLiveMigration DeclarativeHotplugVolumes PasstBinding
        PodSecondaryInterfaceNamingUpgrade ExternalNetResourceInjection RebootPolicy Template OptOutRoleAggregation""",
    Stage.ALPHA: """CPUManager ExperimentalIgnitionSupport HypervStrictCheck Sidecar HostDevices HostDisk
        DownwardMetrics Root WorkloadEncryptionTDX VSOCK AlignCPUs EnableVirtioFsStorageVolumes PCINUMAAwareTopology
        NetworkDevicesWithDRA ObjectGraph UtilityVolumes ConfigurableHypervisor IncrementalBackup
        ContainerPathVolumes ReservedOverheadMemlock VGPULiveMigration VMStatsCollector OCIExport Plugins
        GraceIOVirtualization IOMMUFD FirmwareAutoSelection MigrationStallDetection MigrationDowntimeTuning
        CrossArchitectureVirtualization PortRangesSpec""",
    Stage.DEPRECATED: "HotplugVolumes MultiArchitecture DisableMDEVConfiguration DockerSELinuxMCSWorkaround",
    Stage.GA: """LiveMigration NUMA VMExport PersistentReservation ExpandDisks VideoConfig PanicDevices
        VMPersistentState MigrationPriorityQueue VmiMemoryOverheadReport""",
}

GATES: Final[dict[str, Stage]] = {name: stage for stage, names in _NAMES.items() for name in names.split()}


#: as KubeVirt words them; a gate that is on anyway need not be named
_REDUNDANT: Final = (
    'feature gate {} is deprecated (feature state is "{}"), therefore it can be safely removed and is redundant. '
    "For more info, please look at: https://github.com/kubevirt/kubevirt/blob/main/docs/deprecation.md"
)
_STATES: Final = {Stage.GA: "General Availability", Stage.DEPRECATED: "Deprecated"}


def warning(gate: str) -> str:
    """What to tell somebody who names the gate in the configuration, "" when there is nothing to tell."""
    stage = GATES.get(gate)
    if stage is None:
        return f"feature gate {gate} is unknown: it has no effect"
    return _REDUNDANT.format(gate, _STATES[stage]) if stage in _STATES else ""


def enabled(gate: str, switched_on: Iterable[str], switched_off: Iterable[str]) -> bool:
    """Whether a gate is on. A name nobody knows is on only if it was switched on by name."""
    stage = GATES.get(gate)
    if stage is Stage.GA:
        return True
    if gate in switched_on:
        return True
    if gate in switched_off:
        return False
    return stage is Stage.BETA
