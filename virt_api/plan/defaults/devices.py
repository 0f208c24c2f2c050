"""Defaults of a VMI's disks, interfaces, inputs and watchdog."""

from __future__ import annotations

from virt_api.plan.defaults.compute import within
from virt_api.plan.reading import Raw, flag, has, rows, table, text
from virt_model.config import ClusterConfig
from virt_model.disk_rules import default_bus

_DISKLESS_SOURCES = ("memoryDump", "downwardMetrics")
_TARGETS = ("disk", "lun", "cdrom")


def fill_pull_policies(spec: Raw) -> None:
    """A tag that may move is always looked up; a tag that names a version, or a digest, only once."""
    for volume in rows(spec, "volumes"):
        disk = volume.get("containerDisk")
        if isinstance(disk, dict) and not text(disk, "imagePullPolicy"):
            disk["imagePullPolicy"] = "Always" if _moving(text(disk, "image")) else "IfNotPresent"


def _moving(image: str) -> bool:
    if "@" in image:
        return False
    tag = image.rpartition("/")[2].partition(":")[2]
    return tag in ("", "latest")


def fill_pod_network(spec: Raw, config: ClusterConfig) -> None:
    """A guest that says nothing about networks gets the pod's, with the cluster's binding."""
    attach = flag(spec, "domain", "devices", "autoattachPodInterface") is not False
    if not attach or rows(spec, "networks") or rows(spec, "domain", "devices", "interfaces"):
        return
    spec["networks"] = [{"name": "default", "pod": {}}]
    within(spec, "domain", "devices")["interfaces"] = [{"name": "default", config.default_network_interface: {}}]


def fill_disks(spec: Raw) -> None:
    """Every volume is shown to the guest, every disk says how and on which bus."""
    devices = within(spec, "domain", "devices")
    shown = {text(each, "name") for key in ("disks", "filesystems") for each in rows(devices, key)}
    hidden = [volume for volume in rows(spec, "volumes") if _showable(volume) and text(volume, "name") not in shown]
    if hidden:
        known = devices.get("disks") if isinstance(devices.get("disks"), list) else []
        devices["disks"] = [*(known or []), *({"name": text(volume, "name")} for volume in hidden)]
    bus = default_bus(text(spec, "architecture"))
    for disk in rows(devices, "disks"):
        _fill_disk(disk, bus)


def _showable(volume: Raw) -> bool:
    return not any(has(volume, source) for source in _DISKLESS_SOURCES)


def _fill_disk(disk: Raw, bus: str) -> None:
    if not any(has(disk, target) for target in _TARGETS):
        disk["disk"] = {}
    for target in _TARGETS:
        how = disk.get(target)
        if isinstance(how, dict) and not text(how, "bus"):
            how["bus"] = bus
    cdrom = disk.get("cdrom")
    if isinstance(cdrom, dict):
        if flag(cdrom, "readonly") is None:
            cdrom["readonly"] = True
        if not text(cdrom, "tray"):
            cdrom["tray"] = "closed"


def fill_inputs(spec: Raw) -> None:
    for device in rows(spec, "domain", "devices", "inputs"):
        if not text(device, "bus"):
            device["bus"] = "usb"
        if not text(device, "type"):
            device["type"] = "tablet"


def fill_watchdog(spec: Raw) -> None:
    dog = table(spec, "domain", "devices").get("watchdog")
    if not isinstance(dog, dict):
        return
    kind = "diag288" if text(spec, "architecture") == "s390x" else "i6300esb"
    if not has(dog, "i6300esb") and not has(dog, "diag288"):
        dog[kind] = {}
    for each in ("i6300esb", "diag288"):
        device = dog.get(each)
        if isinstance(device, dict) and not text(device, "action"):
            device["action"] = "reset"
