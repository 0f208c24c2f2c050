"""What cannot be built is refused by name; nothing of a VMI is silently left out."""

from __future__ import annotations

import json
from typing import Any
from xml.etree.ElementTree import fromstring

import msgspec
import pytest

from tests.unit.virt_launcher.domains import UID, given, guest
from virt_ipc.errors import LauncherRefused
from virt_ipc.messages import InterfaceAttachment, SyncOptions, SyncRequest
from virt_launcher.adapters import volumes
from virt_launcher.adapters.build import Build
from virt_launcher.adapters.machine import Identity
from virt_launcher.plan.domain import render
from virt_launcher.plan.firmware import PLAIN, SECURE, choose
from virt_launcher.plan.refusal import CannotBuild

DISK = {"name": "root", "disk": {"bus": "virtio"}}


@pytest.mark.parametrize(
    ("devices", "domain", "advice"),
    [
        ({"gpus": [{"name": "g", "deviceName": "d"}]}, {}, r"spec\.domain\.devices\.gpus: remove it"),
        ({"hostDevices": [{"name": "h", "deviceName": "d"}]}, {}, "hostDevices"),
        ({"filesystems": [{"name": "f", "virtiofs": {}}]}, {}, "filesystems"),
        ({"tpm": {}}, {}, "tpm"),
        ({"sound": {"name": "s"}}, {}, "sound"),
        ({"downwardMetrics": {}}, {}, "downwardMetrics"),
        ({"autoattachVSOCK": True}, {}, "autoattachVSOCK"),
        ({"disks": [{**DISK, "dedicatedIOThread": True}]}, {}, r"disks\[root\]\.dedicatedIOThread"),
        ({"disks": [{**DISK, "tag": "t"}]}, {}, r"disks\[root\]\.tag"),
        ({"disks": [{**DISK, "blockSize": {"matchVolume": {}}}]}, {}, "matchVolume"),
        ({"interfaces": [{"name": "n", "bridge": {}, "state": "absent"}]}, {}, r"interfaces\[n\]\.state absent"),
        ({}, {"ioThreadsPolicy": "shared"}, "ioThreadsPolicy"),
        ({}, {"launchSecurity": {"sev": {}}}, "launchSecurity"),
        ({}, {"memory": {"guest": "1Gi", "hugepages": {"pageSize": "2Mi"}}}, r"memory\.hugepages"),
        ({}, {"cpu": {"cores": 1, "dedicatedCpuPlacement": True}}, r"cpu\.dedicatedCpuPlacement"),
        ({}, {"firmware": {"kernelBoot": {}}}, r"firmware\.kernelBoot"),
        ({}, {"memory": None}, r"does not say how much memory.*memory\.guest"),
        ({"disks": [{"name": "root", "lun": {"bus": "scsi"}}]}, {}, "disk root: a LUN needs a block claim"),
        ({"disks": [{"name": "root", "disk": {"bus": "ide"}}]}, {}, "disk root: bus ide is not one of"),
        ({"disks": [{**DISK, "shareable": True}]}, {}, "disk root: a qcow2 image cannot be shared"),
        ({"inputs": [{"name": "m", "type": "mouse"}]}, {}, "input m: only a tablet"),
        ({"watchdog": {"name": "w", "diag288": {}}}, {}, "watchdog w: only i6300esb"),
        ({"watchdog": {"name": "w", "i6300esb": {"action": "explode"}}}, {}, "watchdog w: action explode"),
    ],
)
def test_unsupported(devices: dict[str, Any], domain: dict[str, Any], advice: str) -> None:
    with pytest.raises(CannotBuild, match=advice):
        render(given(guest(devices, domain)))


def test_another_architecture() -> None:
    with pytest.raises(CannotBuild, match=r"spec\.architecture s390x"):
        render(given(guest(architecture="s390x")))


def test_a_disk_without_volume_and_a_nic_without_tap() -> None:
    whole = given(guest())
    with pytest.raises(CannotBuild, match=r"disk root has no volume.*spec\.volumes"):
        render(msgspec.structs.replace(whole, sources={}))
    with pytest.raises(CannotBuild, match="interface default was not connected"):
        render(msgspec.structs.replace(whole, nics=()))


EVERY_FIRMWARE = frozenset(name for pair in PLAIN + SECURE for name in pair)


@pytest.mark.parametrize(
    ("efi", "present", "code"),
    [
        ({"secureBoot": False}, EVERY_FIRMWARE, "OVMF_CODE_4M.fd"),
        ({}, EVERY_FIRMWARE, "OVMF_CODE_4M.secboot.fd"),
        ({"secureBoot": False}, frozenset(PLAIN[1]), "OVMF_CODE.fd"),
    ],
)
def test_the_best_firmware_that_is_there(efi: dict[str, Any], present: frozenset[str], code: str) -> None:
    files = choose(guest(domain={"firmware": {"bootloader": {"efi": efi}}}), "/ovmf", present)
    assert files is not None
    assert files.code == f"/ovmf/{code}"
    assert files.nvram.endswith("/a_VARS.fd")


def test_bios_needs_no_firmware_and_missing_firmware_is_named() -> None:
    assert choose(guest(), "/ovmf", frozenset()) is None
    with pytest.raises(CannotBuild, match="no UEFI for this guest in /ovmf"):
        choose(guest(domain={"firmware": {"bootloader": {"efi": {}}}}), "/ovmf", frozenset())


VMI = {
    "metadata": {"name": "a", "namespace": "ns", "uid": UID},
    "spec": {"domain": {"memory": {"guest": "64Mi"}, "devices": {"interfaces": [{"name": "n", "masquerade": {}}]}}},
}
NIC = InterfaceAttachment(name="n", tap="tap0", mac="02:00:00:00:00:01")


def build(vmi: object, **options: Any) -> str:
    identity = Identity(name="a", namespace="ns", uid=UID)
    content = vmi if isinstance(vmi, bytes) else json.dumps(vmi).encode()
    request = SyncRequest(vmi=content, options=SyncOptions(interfaces=[NIC], **options))
    return Build(identity, "/nowhere")(request).xml


@pytest.mark.parametrize(("options", "kind"), [({"kvm_usable": True}, "kvm"), ({"allow_emulation": True}, "qemu")])
def test_the_accelerator(options: dict[str, bool], kind: str) -> None:
    assert fromstring(build(VMI, **options)).get("type") == kind


def test_neither_kvm_nor_emulation() -> None:
    with pytest.raises(LauncherRefused, match=r"^kvm not present and emulation is not allowed$"):
        build(VMI)


def test_another_vmi_than_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        volumes, "prepare", lambda guest: pytest.fail("it touched files before it looked whose they are")
    )
    other = {**VMI, "metadata": {"name": "b", "namespace": "ns", "uid": UID}}
    with pytest.raises(LauncherRefused, match=f"this launcher is for ns/a/{UID}, not for ns/b/"):
        build(other, allow_emulation=True)


@pytest.mark.parametrize("vmi", [b"{", b"[]", b'{"metadata": {}, "spec": {"domain": {"devices": {"disks": 7}}}}'])
def test_what_is_no_vmi(vmi: bytes) -> None:
    with pytest.raises(LauncherRefused, match="the VMI cannot be read"):
        build(vmi, allow_emulation=True)
