"""Guests whose domains are kept as goldens: each exercises what the others do not."""

from __future__ import annotations

from typing import Any

import msgspec

from virt_launcher.plan import firmware
from virt_launcher.plan.given import Accelerator, FirmwareFiles, Given, Image, Nic, Source, SystemStrings
from virt_launcher.plan.guest import Guest

UID = "b0b9851e-710c-49ab-95f2-f30bea9cc7e2"
UUID = "8e3594e1-6dca-43dc-88f9-09c52f151a8f"
MAC = "02:21:ab:56:2d:68"
EMPTY = "drive"
"""The name of a disk without a volume."""


def guest(devices: dict[str, Any] | None = None, domain: dict[str, Any] | None = None, **spec: Any) -> Guest:
    """A VMI as the webhook leaves it, with the given parts."""
    vmi = {
        "metadata": {"name": "a", "namespace": "ns", "uid": UID, "annotations": spec.pop("annotations", {})},
        "spec": {
            "architecture": "amd64",
            "domain": {
                "cpu": {"cores": 1, "sockets": 1, "threads": 1, "maxSockets": 4, "model": "host-model"},
                "memory": {"guest": "128Mi"},
                "machine": {"type": "q35"},
                "firmware": {"uuid": UUID},
                "features": {"acpi": {"enabled": True}},
                "devices": {
                    "disks": [{"name": "root", "disk": {"bus": "virtio"}}],
                    "interfaces": [{"name": "default", "masquerade": {}}],
                    **(devices or {}),
                },
                **(domain or {}),
            },
            **spec,
        },
    }
    return msgspec.convert(vmi, Guest)


def stored(vmi: dict[str, Any]) -> Guest:
    """A VMI as it is stored, as the launcher reads it."""
    return msgspec.json.decode(msgspec.json.encode(vmi), type=Guest)


def started(who: Guest) -> Given:
    """The surroundings of that guest where every firmware is there."""
    files = frozenset(name for pair in (*firmware.PLAIN, *firmware.SECURE) for name in pair)
    return given(who, firmware=firmware.choose(who, "/usr/share/OVMF", files))


def given(who: Guest, **others: Any) -> Given:
    """The surroundings of that guest in a pod: overlays for its disks, taps for its NICs."""
    disks, nics = who.spec.domain.devices.disks, who.spec.domain.devices.interfaces
    return Given(
        guest=who,
        accelerator=others.pop("accelerator", Accelerator.EMULATION),
        sources={
            disk.name: source(index, disk.name, disk.cdrom is not None)
            for index, disk in enumerate(disks)
            if disk.name != EMPTY
        },
        nics=tuple(
            Nic(name=nic.name, tap=f"tap{index}", mac=MAC, mtu=1450, queues=1) for index, nic in enumerate(nics)
        ),
        **others,
    )


def source(index: int, name: str, iso: bool) -> Source:
    if iso:
        return Source(
            image=Image(path="/var/run/kubevirt-ephemeral-disks/cloud-init-data/ns/a/noCloud.iso", format="raw")
        )
    return Source(
        image=Image(path=f"/var/run/kubevirt-ephemeral-disks/disk-data/{name}/disk.qcow2", format="qcow2"),
        backing=Image(path=f"/var/run/kubevirt/container-disks/disk_{index}.img", format="qcow2"),
    )


def _bare() -> Given:
    return given(guest({"interfaces": []}, {"features": None, "cpu": None, "firmware": None}))


def _minimal() -> Given:
    return given(guest({"rng": {}}))


def _kvm_grows() -> Given:
    who = guest(
        {"rng": {}, "networkInterfaceMultiqueue": True, "blockMultiQueue": True},
        {
            "cpu": {"cores": 2, "sockets": 1, "threads": 1, "maxSockets": 2},
            "memory": {"guest": "3Gi", "maxGuest": "12Gi"},
        },
    )
    here = given(who, accelerator=Accelerator.KVM)
    return msgspec.structs.replace(here, nics=(msgspec.structs.replace(here.nics[0], queues=2),))


def _disks() -> Given:
    return given(
        guest(
            {
                "disks": [
                    {"name": "root", "disk": {"bus": "sata"}, "bootOrder": 1, "serial": "S1", "cache": "writeback"},
                    {
                        "name": "data",
                        "disk": {"bus": "scsi", "readonly": True},
                        "io": "threads",
                        "errorPolicy": "report",
                    },
                    {"name": "stick", "disk": {"bus": "usb"}},
                    {
                        "name": "big",
                        "disk": {"bus": "virtio"},
                        "blockSize": {"custom": {"logical": 4096, "physical": 4096}},
                    },
                    {"name": "ci", "cdrom": {"bus": "sata", "tray": "open"}},
                    {"name": EMPTY, "cdrom": {"bus": "sata"}},
                ]
            }
        ),
        log_serial=False,
    )


def _kitchen() -> Given:
    return given(
        guest(
            {
                "interfaces": [
                    {"name": "default", "masquerade": {}, "model": "e1000", "bootOrder": 1, "state": "down"},
                    {"name": "second", "bridge": {}, "acpiIndex": 7},
                ],
                "inputs": [
                    {"name": "t", "type": "tablet", "bus": "usb"},
                    {"name": "v", "type": "tablet", "bus": "virtio"},
                ],
                "watchdog": {"name": "w", "i6300esb": {"action": "poweroff"}},
                "panicDevices": [{"model": "pvpanic"}, {"model": "isa"}, {"model": "hyperv"}],
                "autoattachSerialConsole": False,
                "autoattachMemBalloon": False,
                "autoattachGraphicsDevice": False,
                "useVirtioTransitional": True,
                "disableHotplug": True,
                "clientPassthrough": {},
            },
            {
                "cpu": {"cores": 2, "model": "Nehalem", "features": [{"name": "hypervisor", "policy": "require"}]},
                "chassis": {"manufacturer": "Case & Co", "serial": "42"},
                "rebootPolicy": "Terminate",
                "clock": {
                    "utc": {"offsetSeconds": 3600},
                    "timer": {"rtc": {"tickPolicy": "catchup", "track": "guest"}, "hpet": {"present": False}},
                },
            },
        ),
        smbios=SystemStrings(manufacturer="Acme", product="VM", family="F", version="1", sku="S"),
    )


def _windows() -> Given:
    on = {"enabled": True}
    return given(
        guest(
            domain={
                "features": {
                    "acpi": on,
                    "apic": {"enabled": True},
                    "smm": on,
                    "hyperv": {
                        "relaxed": on,
                        "vapic": on,
                        "spinlocks": {"enabled": True, "spinlocks": 8191},
                        "vpindex": on,
                        "synic": on,
                        "synictimer": {"enabled": True, "direct": on},
                        "frequencies": {"enabled": False},
                    },
                    "kvm": {"hidden": True},
                },
                "clock": {"timezone": "Europe/Vienna", "timer": {"hyperv": {}, "kvm": {"present": False}, "pit": {}}},
                "firmware": {"uuid": UUID, "bootloader": {"efi": {}}},
            },
            startStrategy="Paused",
        ),
        accelerator=Accelerator.KVM,
        firmware=FirmwareFiles(
            code="/usr/share/OVMF/OVMF_CODE_4M.secboot.fd",
            variables="/usr/share/OVMF/OVMF_VARS_4M.ms.fd",
            nvram="/var/run/kubevirt-private/libvirt/qemu/nvram/a_VARS.fd",
        ),
    )


def _root_complex() -> Given:
    return given(guest({"rng": {}}, annotations={"kubevirt.io/placePCIDevicesOnRootComplex": "true"}))


DOMAINS = {
    "bare": _bare,
    "minimal": _minimal,
    "kvm-grows": _kvm_grows,
    "disks": _disks,
    "kitchen": _kitchen,
    "windows": _windows,
    "root-complex": _root_complex,
}
"""By the name of the golden."""
