"""Whether a VMI could be migrated, and how: the conditions LiveMigratable and StorageLiveMigratable. Pure.

The first reason found is the one shown; the order is KubeVirt's. StorageLiveMigratable ignores disks that are not
shared, since a storage migration copies them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from virt_handler.plan.network import attached_interfaces, is_primary
from virt_model import labels
from virt_model.conditions import FALSE, TRUE, Condition, Stamp, Type

Vmi = dict[str, Any]
_POD_NETWORK = "cannot migrate VMI which does not use masquerade or a migratable plugin to connect to the pod network"
_SHARED = "live migration requires that all PVCs must be shared (using ReadWriteMany access mode)"


def _interfaces(vmi: Vmi) -> str:
    allowed = labels.BRIDGE_LIVE_MIGRATION in (vmi["metadata"].get("annotations") or {})
    for interface, network in attached_interfaces(vmi):
        if is_primary(network) and "masquerade" not in interface and not ("bridge" in interface and allowed):
            return _POD_NETWORK
    return ""


def _host_devices(vmi: Vmi) -> str:
    devices = vmi["spec"]["domain"].get("devices", {})
    if devices.get("hostDevices"):
        return "VMI specifies non-migratable generic PCI host device"
    return "VMI specifies non-migratable GPU" if devices.get("gpus") else ""


def _launch_security(kind: str, text: str) -> Callable[[Vmi], str]:
    return lambda vmi: text if kind in (vmi["spec"]["domain"].get("launchSecurity") or {}) else ""


def _hyperv_passthrough(vmi: Vmi) -> str:
    passthrough = vmi["spec"]["domain"].get("features", {}).get("hypervPassthrough") or {}
    return "VMI uses hyperv passthrough" if passthrough.get("enabled") else ""


_CHECKS: tuple[tuple[str, Callable[[Vmi], str]], ...] = (
    ("InterfaceNotLiveMigratable", _interfaces),
    ("HostDeviceNotLiveMigratable", _host_devices),
    ("SEVNotLiveMigratable", _launch_security("sev", "VMI uses SEV")),
    ("TDXNotLiveMigratable", _launch_security("tdx", "VMI uses TDX")),
    ("HypervPassthroughNotLiveMigratable", _hyperv_passthrough),
)


def conditions_of(vmi: Vmi) -> tuple[Condition, Condition]:
    """LiveMigratable and StorageLiveMigratable; True ones carry neither reason nor times."""
    failed = [(reason, text) for reason, check in _CHECKS if (text := check(vmi))]
    disks = _unshared_claim(vmi)
    live = [*failed, *([("DisksNotLiveMigratable", disks)] if disks else [])]
    storage = [("NotMigratable", ", ".join(text for _, text in failed))] if failed else []
    return _claim(Type.LIVE_MIGRATABLE, live), _claim(Type.STORAGE_LIVE_MIGRATABLE, storage)


def method_of(vmi: Vmi) -> str:
    """BlockMigration where a writable disk must be copied (a containerDisk too), else LiveMigration."""
    volumes = vmi["spec"].get("volumes") or ()
    copied = any(source in volume for volume in volumes for source in ("containerDisk", "emptyDisk", "ephemeral"))
    return "BlockMigration" if copied or _unshared_claim(vmi) else "LiveMigration"


def _claim(type_: Type, reasons: list[tuple[str, str]]) -> Condition:
    if not reasons:
        return Condition(type=type_, status=TRUE, stamp=Stamp.NEITHER)
    reason, message = reasons[0]
    return Condition(type=type_, status=FALSE, reason=reason, message=message, stamp=Stamp.NEITHER)


def _unshared_claim(vmi: Vmi) -> str:
    """Why the VMI's claims prevent a migration; "" when all are shared or there are none."""
    known = {
        each["name"]: each.get("persistentVolumeClaimInfo") for each in vmi.get("status", {}).get("volumeStatus") or ()
    }
    for volume in vmi["spec"].get("volumes") or ():
        source = volume.get("persistentVolumeClaim") or volume.get("dataVolume")
        if source is None:
            continue
        claim = source.get("claimName") or source.get("name")
        info = known.get(volume["name"])
        if info is None:
            return f"cannot migrate VMI: Unable to determine if PVC {claim} is shared, {_SHARED}"
        if "ReadWriteMany" not in (info.get("accessModes") or ()):
            return f"cannot migrate VMI: PVC {claim} is not shared, {_SHARED}"
    return ""
