"""Rules that the recording does not reach: each offence, the field it is told at, and the sentence."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from tests.unit.virt_api.worlds import CONTROLLER, USER, admit, world
from virt_model.config import ClusterConfig, from_kubevirt

INVALID, REQUIRED, UNSUPPORTED = "FieldValueInvalid", "FieldValueRequired", "FieldValueNotSupported"
DISK = "spec.domain.devices.disks[0]"
NIC = "spec.domain.devices.interfaces[0]"
STAGE = ClusterConfig(vm_rollout_strategy="Stage")


def _without(*gates: str) -> ClusterConfig:
    return from_kubevirt({"spec": {"configuration": {"developerConfiguration": {"disabledFeatureGates": [*gates]}}}})


def _vmi(changes: dict[str, Any], config: ClusterConfig | None = None) -> tuple[int, Any]:
    """The answer to a good VMI after `changes` (path with `.` and positions -> value)."""
    vmi = {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachineInstance",
        "metadata": {"name": "x", "namespace": "ns"},
        "spec": _spec(),
    }
    for path, value in changes.items():
        _put(vmi, path, value)
    return admit("virtualmachineinstances", vmi, around=world(config))


def _vm(changes: dict[str, Any], config: ClusterConfig | None = None, user: Any = USER) -> tuple[int, Any]:
    vm = {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachine",
        "metadata": {"name": "x", "namespace": "ns"},
        "spec": {"runStrategy": "Halted", "template": {"metadata": {}, "spec": _spec()}},
    }
    for path, value in changes.items():
        _put(vm, path, value)
    return admit("virtualmachines", vm, user=user, around=world(config))


def _spec() -> dict[str, Any]:
    return {
        "domain": {
            "memory": {"guest": "128Mi"},
            "devices": {
                "disks": [{"name": "root", "disk": {"bus": "virtio"}}],
                "interfaces": [{"name": "default", "masquerade": {}}],
            },
        },
        "networks": [{"name": "default", "pod": {}}],
        "volumes": [{"name": "root", "containerDisk": {"image": "guest"}}],
    }


def _put(raw: Any, path: str, value: Any) -> None:
    *way, last = (int(step) if step.isdigit() else step for step in path.split("."))
    for step in way:
        raw = raw.setdefault(step, {}) if isinstance(raw, dict) else raw[step]
    raw[last] = value


def _first_cause(answer: tuple[int, Any]) -> tuple[str, str, str]:
    code, said = answer
    assert code == 422, said
    cause = said["details"]["causes"][0]
    return cause["reason"], cause["field"], cause["message"]


def _sizes(**custom: int) -> dict[str, Any]:
    return {"custom": {"logical": 512, "physical": 512, **custom}}


NATIVE = f"{DISK}.io native is only possible with cache none, not writeback"
PLACE = "0000:05:00.0"
OFFENCES = [
    # what libvirt or QEMU would refuse
    (
        {"spec.domain.devices.disks.0.io": "native", "spec.domain.devices.disks.0.cache": "writeback"},
        INVALID,
        f"{DISK}.io",
        NATIVE,
    ),
    (
        {"spec.domain.devices.disks.0.disk.pciAddress": PLACE, "spec.domain.devices.interfaces.0.pciAddress": PLACE},
        INVALID,
        f"{NIC}.pciAddress",
        f"PCI address {PLACE} for {NIC} already set for a different device.",
    ),
    (
        {"spec.domain.memory.guest": "0", "spec.domain.resources.requests.memory": "64Mi"},
        INVALID,
        "spec.domain.memory.guest",
        "spec.domain.memory.guest '0': must be greater than 0.",
    ),
    (
        {"spec.domain.chassis": {"asset": "a\ab"}},
        INVALID,
        "spec.domain.chassis.asset",
        "spec.domain.chassis.asset must not contain control characters",
    ),
    (
        {"spec.volumes.0": {"name": "root", "emptyDisk": {"capacity": "-1Gi"}}},
        INVALID,
        "spec.volumes[0].emptyDisk.capacity",
        "spec.volumes[0].emptyDisk.capacity must be greater than 0",
    ),
    (
        {"spec.domain.firmware.bootloader.efi.secureBoot": False, "spec.domain.features.acpi.enabled": False},
        INVALID,
        "spec.domain",
        "spec.domain has EFI enabled. EFI requires ACPI, which is currently disabled.",
    ),
    (
        {"spec.domain.devices.watchdog": {"name": "w", "i6300esb": {"action": "x"}}},
        INVALID,
        "spec.domain.devices.watchdog.i6300esb.action",
        "watchdog action 'x' is not one of: [poweroff reset shutdown]",
    ),
    (
        {"spec.domain.devices.panicDevices": [{"model": "isa"}, {}, {"model": "siren"}]},
        INVALID,
        "spec.domain.devices.panicDevices[2].model",
        "invalid PanicDeviceModel(siren)",
    ),
    (
        {"spec.domain.features.hyperv.synictimer": {}, "spec.domain.clock.timer.hyperv.present": False},
        INVALID,
        "spec.domain.features.hyperv.synictimer",
        "'spec.domain.features.hyperv.synictimer' requires 'spec.domain.clock.timer.hyperv', which was disabled.",
    ),
    # disks
    ({"spec.domain.devices.disks.0.cdrom": {}}, INVALID, DISK, f"{DISK} can only have a single target type defined"),
    ({"spec.domain.devices.disks.0.cache": "x"}, INVALID, f"{DISK}.cache", f"{DISK}.cache has invalid value x"),
    (
        {"spec.domain.devices.disks.0.errorPolicy": "x"},
        INVALID,
        f"{DISK}.errorPolicy",
        f'{DISK}.errorPolicy has invalid value "x"',
    ),
    (
        {"spec.domain.devices.disks.0.blockSize": _sizes(logical=1024)},
        INVALID,
        f"{DISK}.blockSize.custom.logical",
        "Logical size 1024 must be the same or less than the physical size of 512",
    ),
    (
        {"spec.domain.devices.disks.0.blockSize": _sizes(logical=256)},
        INVALID,
        f"{DISK}.blockSize.custom.logical",
        "Provided size of 256 is less than the supported minimum size of 512",
    ),
    (
        {"spec.domain.devices.disks.0.blockSize": _sizes(physical=4194304)},
        INVALID,
        f"{DISK}.blockSize.custom.physical",
        "Provided size of 4194304 is greater than the supported maximum size of 2097152",
    ),
    (
        {"spec.domain.devices.disks.0.blockSize": _sizes(physical=768)},
        INVALID,
        f"{DISK}.blockSize.custom.physical",
        "Provided size of 768 is not a power of 2",
    ),
    (
        {"spec.domain.devices.disks.0.blockSize": _sizes(discardGranularity=700)},
        INVALID,
        f"{DISK}.blockSize.custom.discardGranularity",
        "Discard granularity 700 must be multiples of logical size 512",
    ),
    (
        {
            "spec.domain.devices.disks.0.disk.bus": "sata",
            "spec.domain.devices.disks.0.blockSize": _sizes(logical=4096, physical=4096),
        },
        INVALID,
        f"{DISK}.blockSize.custom.logical",
        "Logical size 4096 must be 512 for SATA devices",
    ),
    (
        {"spec.domain.devices.disks.0.blockSize": {**_sizes(), "matchVolume": {}}},
        INVALID,
        f"{DISK}.blockSize",
        "Block size matching can't be enabled together with a custom value",
    ),
    # volumes
    (
        {"spec.volumes.0.containerDisk.path": "/"},
        INVALID,
        "spec.volumes[0].containerDisk",
        "spec.volumes[0].containerDisk must not point to root",
    ),
    (
        {"spec.volumes.0.containerDisk.path": "/a/../b"},
        INVALID,
        "spec.volumes[0].containerDisk",
        "spec.volumes[0].containerDisk must be an absolute path to a file without relative components",
    ),
    (
        {"spec.volumes.0": {"name": "root", "cloudInitNoCloud": {"secretRef": {"name": ""}}}},
        INVALID,
        "spec.volumes[0].cloudInitNoCloud",
        "spec.volumes[0].cloudInitNoCloud must have at least one userdatasource or one networkdatasource set.",
    ),
    # network
    (
        {"spec.networks.0.multus": {"networkName": "n"}},
        REQUIRED,
        "spec.networks[0]",
        "should have only one network type",
    ),
    (
        {"spec.networks": [], "spec.domain.devices.autoattachPodInterface": False},
        INVALID,
        f"{NIC}.name",
        f"{NIC}.name 'default' not found.",
    ),
    (
        {"spec.domain.devices.interfaces.0.ports": [{"name": "a--b", "port": 1}]},
        INVALID,
        f"{NIC}.ports[0].name",
        "Invalid name of the port: a--b",
    ),
    (
        {"spec.domain.devices.interfaces.0.ports": [{"port": 65536}]},
        INVALID,
        f"{NIC}.ports[0].port",
        "Port field must be in range 0 < x < 65536.",
    ),
    (
        {"spec.domain.devices.interfaces.0.dhcpOptions": {"ntpServers": ["1.2.3.4", "::1"]}},
        INVALID,
        f"{NIC}.dhcpOptions.ntpServers[1]",
        "NTP servers must be a list of valid IPv4 addresses.",
    ),
    (
        {
            "spec.domain.devices.interfaces.0.dhcpOptions": {
                "privateOptions": [{"option": 240, "value": "a"}, {"option": 240, "value": "b"}]
            }
        },
        INVALID,
        "spec",
        "Found Duplicates: you have provided duplicate DHCPPrivateOptions",
    ),
    (
        {"spec.domain.devices.interfaces.0.macAddress": "02:00:00:00:00:00"},
        INVALID,
        f"{NIC}.macAddress",
        "The requested MAC address is reserved for the in-pod bridge. Please choose another one.",
    ),
    # the pod
    (
        {"spec.startStrategy": "Paused", "spec.livenessProbe": {"tcpSocket": {"port": 1}}},
        INVALID,
        "spec.startStrategy",
        "either spec.startStrategy or spec.livenessProbe should be provided."
        "Pausing VMI with LivenessProbe is not supported",
    ),
    (
        {"spec.dnsPolicy": "None", "spec.dnsConfig": {}},
        REQUIRED,
        "nameservers",
        "must provide at least one DNS nameserver when `dnsPolicy` is None",
    ),
    (
        {"spec.dnsConfig": {"nameservers": ["1.1.1.1", "1.1.1.2", "1.1.1.3", "::1"]}},
        INVALID,
        "nameservers",
        "must not have more than 3 nameservers: [1.1.1.1 1.1.1.2 1.1.1.3 ::1]",
    ),
    ({"spec.dnsConfig": {"nameservers": ["here"]}}, INVALID, "nameservers", "must be valid IP address: here"),
    (
        {"spec.dnsConfig": {"searches": list("abcdefg")}},
        INVALID,
        "searchDomains",
        "must not have more than 6 search paths",
    ),
    (
        {"spec.dnsConfig": {"searches": ["a" * 60 + ".b"] * 5}},
        INVALID,
        "searchDomains",
        "must not have more than 256 characters (including spaces) in the search list",
    ),
    ({"spec.dnsConfig": {"options": [{"value": "1"}]}}, INVALID, "options", "Option.Name must not be empty"),
    # devices of the architecture
    (
        {"spec.domain.devices.video": {"type": "qxl"}},
        UNSUPPORTED,
        "spec.domain.devices.video.type",
        "video model 'qxl' is not supported on amd64 architecture",
    ),
    (
        {"spec.domain.devices.video": {"type": "vga"}, "spec.domain.devices.autoattachGraphicsDevice": False},
        INVALID,
        "spec.video",
        "Video configuration is not allowed when autoattachGraphicsDevice is set to false",
    ),
    (
        {"spec.domain.devices.watchdog": {"name": "w", "diag288": {}}},
        UNSUPPORTED,
        "spec.domain.devices.watchdog",
        "amd64 only supports I6300ESB watchdog device",
    ),
    (
        {"spec.domain.features.hyperv": {"synic": {}, "vpindex": {"enabled": False}}},
        INVALID,
        "spec.domain.features.hyperv.synic",
        "'spec.domain.features.hyperv.synic' requires 'spec.domain.features.hyperv.vpindex', which was disabled.",
    ),
    (
        {"spec.domain.ioThreadsPolicy": "supplementalPool"},
        INVALID,
        "spec.domain.ioThreads.count",
        "the number of iothreads needs to be set and positive for the dedicated policy",
    ),
    # gates that are off by default
    (
        {"spec.volumes.0": {"name": "root", "hostDisk": {"path": "/x", "type": "Disk"}}},
        INVALID,
        "spec.volumes[0]",
        "HostDisk feature gate is not enabled",
    ),
    (
        {"spec.domain.devices.autoattachVSOCK": True},
        INVALID,
        "spec.domain.devices.autoattachVSOCK",
        "VSOCK feature gate is not enabled in kubevirt-config",
    ),
    (
        {"metadata.annotations": {"hooks.kubevirt.io/hookSidecars": "[]"}},
        INVALID,
        "metadata.annotations",
        "sidecar feature gate is not enabled in kubevirt-config,"
        " invalid entry metadata.annotations.hooks.kubevirt.io/hookSidecars",
    ),
    (
        {"metadata.annotations": {"kubevirt.io/ignitiondata": "{}"}},
        INVALID,
        "metadata.annotations",
        "ExperimentalIgnitionSupport feature gate is not enabled in kubevirt-config,"
        " invalid entry metadata.annotations.kubevirt.io/ignitiondata",
    ),
]


@pytest.mark.parametrize(("changes", "reason", "field", "message"), OFFENCES, ids=[row[3][:50] for row in OFFENCES])
def test_an_offence_is_told_with_its_field(changes: dict[str, Any], reason: str, field: str, message: str) -> None:
    assert _first_cause(_vmi(changes)) == (reason, field, message)


@pytest.mark.parametrize(
    ("config", "changes", "field", "message"),
    [
        (
            STAGE,
            {"spec.domain.resources": {"limits": {"memory": "64Mi"}}},
            "spec.domain.memory.guest",
            "spec.domain.memory.guest '128Mi' must be equal to or less than the memory limit"
            " spec.domain.resources.limits.memory '64Mi'",
        ),
        (
            _without("RebootPolicy"),
            {"spec.domain.rebootPolicy": "Terminate"},
            "spec.domain.rebootPolicy",
            "RebootPolicy feature gate is not enabled in kubevirt-config",
        ),
        (
            _without("DeclarativeHotplugVolumes"),
            {"spec.domain.devices.disks.0": {"name": "drive", "cdrom": {}}},
            DISK + ".name",
            "DeclarativeHotplugVolumes feature gate not enabled, cannot define an empty CD-ROM disk",
        ),
        (
            ClusterConfig(permit_bridge_on_pod_network=False),
            {"spec.domain.devices.interfaces.0": {"name": "default", "bridge": {}}},
            NIC + ".name",
            "Bridge on pod network configuration is not enabled under kubevirt-config",
        ),
    ],
)
def test_the_cluster_forbids(config: ClusterConfig, changes: dict[str, Any], field: str, message: str) -> None:
    assert _vmi(changes)[0] == 201, "allowed elsewhere"
    assert _first_cause(_vmi(changes, config)) == (INVALID, field, message)


def test_paths_in_a_container_disk_may_end_in_a_slash() -> None:
    assert _vmi({"spec.volumes.0.containerDisk.path": "/disk/a/"})[0] == 201


MAX_GUEST = "spec.template.spec.domain.memory.maxGuest"
GUEST = "spec.template.spec.domain.memory.guest"


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        ({MAX_GUEST: "64Mi"}, GUEST, "Guest memory is greater than the configured maxGuest memory"),
        ({MAX_GUEST: "1Gi", GUEST: "129Mi"}, GUEST, "Guest memory must be 2Mi aligned"),
        ({MAX_GUEST: "1025Mi"}, MAX_GUEST, "MaxGuest must be 2Mi aligned"),
    ],
)
def test_a_vm_may_only_grow_to_sizes_that_can_be_plugged(changes: dict[str, Any], field: str, message: str) -> None:
    assert _first_cause(_vm(changes)) == (INVALID, field, message)
    assert _vm(changes, STAGE)[0] == 201


def test_a_template_is_judged_with_its_defaults_and_stored_without() -> None:
    """A probe of a VM that says nothing of networks: its guest will have the pod's."""
    code, stored = _vm(
        {
            "spec.template.spec.networks": [],
            "spec.template.spec.domain.devices.interfaces": [],
            "spec.template.spec.readinessProbe": {"tcpSocket": {"port": 22}},
        }
    )
    assert code == 201
    assert stored["spec"]["template"]["spec"]["networks"] == []


def test_self_fencing_is_said_clearly_and_the_agents_word_is_the_agents() -> None:
    at = "spec.template.metadata.annotations"
    assert _first_cause(_vm({at: {"podvirt.io/self-fencing": "yes"}})) == (
        "FieldValueInvalid",
        "spec.template.metadata.annotations[podvirt.io/self-fencing]",
        'must be "true" or "false", not "yes"',
    )
    assert _vm({at: {"podvirt.io/self-fencing": "true"}})[0] == 201
    assert "virt-handler's" in _first_cause(_vm({at: {"podvirt.io/guarded": "1"}}))[2]


def test_reserved_labels_in_a_template_are_for_our_components() -> None:
    reserved = {"spec.template.metadata.labels": {"kubevirt.io/created-by": "me"}}
    assert _first_cause(_vm(reserved)) == (
        UNSUPPORTED,
        "spec.template.metadata.labels",
        "creation of the following reserved kubevirt.io/ labels on a VMI object is prohibited",
    )
    assert _vm(reserved, user=CONTROLLER)[0] == 201


def test_what_is_being_deleted_is_not_judged() -> None:
    old = _vm({})[1]
    new = deepcopy(old)
    new["spec"]["template"]["spec"]["volumes"] = []
    assert admit("virtualmachines", new, old)[0] == 422
    new["metadata"]["deletionTimestamp"] = "2026-11-26T12:00:00Z"
    assert admit("virtualmachines", new, old)[0] == 200


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("spec.terminationGracePeriodSeconds", 1, ""),
        ("spec.domain.memory.guest", "256Mi", ""),
        ("spec.domain.cpu.sockets", 2, ""),
        ("spec.domain.devices.interfaces.0.state", "down", ""),
        ("spec.domain.cpu.maxSockets", 8, "CPU topology maxSockets changed"),
        ("spec.nodeSelector", {"a": "b"}, ""),
        ("spec.affinity", {"nodeAffinity": {}}, ""),
        ("spec.tolerations", [{"operator": "Exists"}], ""),
        ("spec.schedulerName", "other", "update of VMI object is restricted"),
        ("spec.domain.cpu.model", "Nehalem", "update of VMI object is restricted"),
    ],
)
def test_our_components_change_only_what_moves_while_a_guest_runs(path: str, value: Any, message: str) -> None:
    old = _vmi({})[1]
    new = deepcopy(old)
    _put(new, path, value)
    assert admit("virtualmachineinstances", new, old, USER)[0] == 422
    code, said = admit("virtualmachineinstances", new, old, CONTROLLER)
    assert (code, (said.get("message") or "").rpartition("request: ")[2]) == ((422, message) if message else (200, ""))
