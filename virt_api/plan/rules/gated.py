"""Fields that need a feature gate: refused while it is off, whether they work here already or not.

So a manifest meets the same words on a cluster that does not allow a feature as on one of the original. Two of the
sentences name their gate in another way than the rest; clients have seen them so.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from virt_api.plan.reading import found, text
from virt_api.plan.rule import Offences, Rule, Subject

_OFF = " feature gate is not enabled in kubevirt-config"
_DEVICES = "domain.devices."
_VOLUME = "volumes.*."


def _asked_without_gate(subject: Subject, *, gate: str, path: str) -> Offences:
    if subject.config.gate(gate):
        return
    for indexes, value in found(subject.spec, path):
        if value is not None and value is not False and value != []:
            yield {"i": indexes[0] if indexes else 0}


def _gated(gate: str, path: str, field: str, message: str) -> Rule:
    return Rule(partial(_asked_without_gate, gate=gate, path=path), "{at}." + field, message)


def _annotated_without_gate(subject: Subject, *, gate: str, annotation: str) -> Offences:
    if text(subject.metadata, "annotations", annotation) and not subject.config.gate(gate):
        yield {}


def _annotated(gate: str, annotation: str, message: str) -> Rule:
    find: Callable[[Subject], Offences] = partial(_annotated_without_gate, gate=gate, annotation=annotation)
    return Rule(find, "{of}.annotations", message + ", invalid entry {of}.annotations." + annotation)


GATED = (
    _gated("HostDisk", _VOLUME + "hostDisk", "volumes[{i}]", "HostDisk feature gate is not enabled"),
    _gated(
        "DownwardMetrics",
        _VOLUME + "downwardMetrics",
        "volumes[{i}]",
        "downwardMetrics disks are not allowed: DownwardMetrics feature gate is not enabled.",
    ),
    _gated("ContainerPathVolumes", _VOLUME + "containerPath", "volumes[{i}]", "ContainerPathVolumes" + _OFF),
    _gated("UtilityVolumes", "utilityVolumes", "utilityVolumes", "UtilityVolumes" + _OFF),
    _gated("HostDevices", _DEVICES + "hostDevices", "HostDevices", "Host Devices" + _OFF),
    _gated("WorkloadEncryptionTDX", "domain.launchSecurity.tdx", "launchSecurity", "WorkloadEncryptionTDX" + _OFF),
    _gated("WorkloadEncryptionSEV", "domain.launchSecurity.sev", "launchSecurity", "WorkloadEncryptionSEV" + _OFF),
    _gated("WorkloadEncryptionSEV", "domain.launchSecurity.snp", "launchSecurity", "WorkloadEncryptionSEV" + _OFF),
    _gated("VSOCK", _DEVICES + "autoattachVSOCK", _DEVICES + "autoattachVSOCK", "VSOCK" + _OFF),
    _gated(
        "DownwardMetrics",
        _DEVICES + "downwardMetrics",
        _DEVICES + "downwardMetrics",
        "downwardMetrics virtio serial is not allowed: DownwardMetrics feature gate is not enabled",
    ),
    _gated("RebootPolicy", "domain.rebootPolicy", "domain.rebootPolicy", "RebootPolicy" + _OFF),
)
GATED_ANNOTATIONS = (
    _annotated("ExperimentalIgnitionSupport", "kubevirt.io/ignitiondata", "ExperimentalIgnitionSupport" + _OFF),
    _annotated("Sidecar", "hooks.kubevirt.io/hookSidecars", "sidecar" + _OFF),
)
