"""Node labels, heartbeat, and the device plugin's messages."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from virt_handler.adapters import device_plugin
from virt_handler.adapters.device_plugin import EVERYONE, LAUNCHERS, offers, open_to
from virt_handler.plan import device_messages, heartbeat
from virt_handler.plan.node_labels import read_facts, wanted_labels

DOMAIN = """<domainCapabilities><path>/usr/bin/qemu-system-x86_64</path>
<domain>qemu</domain><machine>pc-q35-11.1</machine>
<arch>x86_64</arch><cpu><mode name='host-passthrough' supported='yes'/>
<mode name='host-model' supported='yes'><model fallback='forbid'>EPYC</model><vendor>AMD</vendor>
<feature policy='require' name='acpi'/><feature policy='require' name='ss'/>
<feature policy='disable' name='svm'/></mode>
<mode name='custom' supported='yes'><model usable='yes' vendor='AMD'>EPYC</model><model usable='no'>Nehalem</model>
<model usable='yes'>qemu64</model></mode></cpu>
<features><hyperv supported='yes'>
<enum name='features'><value>relaxed</value><value>vapic</value></enum></hyperv></features>
</domainCapabilities>"""
HOST = """<capabilities>
<host><cpu><arch>x86_64</arch><counter name='tsc' frequency='2400000000' scaling='yes'/></cpu></host>
<guest><arch name='i686'><machine>isapc</machine></arch></guest>
<guest><arch name='x86_64'><machine maxCpus='4096'>pc-q35-11.1</machine><machine canonical='pc-q35-11.1'>q35</machine>
<machine deprecated='yes'>pc-q35-4.2</machine>
<domain type='qemu'/><domain type='kvm'><machine deprecated='yes'>pc-q35-4.2</machine></domain></arch></guest>
</capabilities>"""


def test_labels_under_emulation() -> None:
    wanted = wanted_labels(read_facts(DOMAIN, HOST), kvm_usable=False)
    assert set(wanted.values()) == {"true"}
    assert set(wanted) == {
        "machine-type.node.kubevirt.io/q35", "machine-type.node.kubevirt.io/pc-q35-11.1",
        "machine-type.node.kubevirt.io/pc-q35-4.2",
        "cpu-model.node.kubevirt.io/EPYC", "cpu-model.node.kubevirt.io/qemu64",
        "cpu-model-migration.node.kubevirt.io/EPYC", "cpu-model-migration.node.kubevirt.io/qemu64",
        "cpu-feature.node.kubevirt.io/acpi", "cpu-feature.node.kubevirt.io/ss",
        "host-model-cpu.node.kubevirt.io/EPYC", "host-model-required-features.node.kubevirt.io/acpi",
        "host-model-required-features.node.kubevirt.io/ss", "cpu-vendor.node.kubevirt.io/AMD",
        "kubevirt.io/vm-arch-amd64",
    }  # fmt: skip


def test_machine_types_that_will_go_are_known() -> None:
    assert read_facts(DOMAIN, HOST).deprecated_machines == ("pc-q35-4.2",)


def test_kvm_adds_what_only_hardware_has() -> None:
    wanted = wanted_labels(read_facts(DOMAIN, HOST), kvm_usable=True)
    assert wanted["hyperv.node.kubevirt.io/vapic"] == "true"
    assert wanted["cpu-timer.node.kubevirt.io/tsc-frequency"] == "2400000000"
    assert wanted["cpu-timer.node.kubevirt.io/tsc-scalable"] == "true"
    assert wanted["scheduling.node.kubevirt.io/tsc-frequency-2400000000"] == "true"


def test_obsolete_models_are_not_offered() -> None:
    wanted = wanted_labels(read_facts(DOMAIN, HOST), False, obsolete=("EPYC",))
    assert "cpu-model.node.kubevirt.io/EPYC" not in wanted and "cpu-model.node.kubevirt.io/qemu64" in wanted
    assert wanted["node-labeller.kubevirt.io/obsolete-host-model"] == "true"


def node(labels: dict[str, str], **annotations: str) -> dict[str, Any]:
    return {"metadata": {"labels": labels, "annotations": annotations}}


def test_a_beat_writes_what_changed_and_removes_only_its_own_labels() -> None:
    present = {
        "cpu-model.node.kubevirt.io/Old": "true",
        "kubernetes.io/arch": "amd64",
        "cpu-vendor.node.kubevirt.io/AMD": "true",
    }
    wanted = {"cpu-vendor.node.kubevirt.io/AMD": "true", "machine-type.node.kubevirt.io/q35": "true"}
    patch = heartbeat.patch(node(present), wanted, True, False, "2026-01-01T00:00:00Z")["metadata"]
    assert patch["annotations"] == {"kubevirt.io/heartbeat": "2026-01-01T00:00:00Z"}
    assert patch["labels"] == {
        "kubevirt.io/schedulable": "true", "kubevirt.io/cpumanager": "false", "cpumanager": "false",
        "cpu-model.node.kubevirt.io/Old": None, "machine-type.node.kubevirt.io/q35": "true",
    }  # fmt: skip


def test_a_node_may_ask_to_keep_its_labels() -> None:
    skipping = {"metadata": {"annotations": {heartbeat.SKIP_LABELS: "true"}}}
    patch = heartbeat.patch(skipping, {"cpu-vendor.node.kubevirt.io/AMD": "true"}, False, True, "now")["metadata"]
    assert patch["labels"] == {
        "kubevirt.io/schedulable": "false",
        "kubevirt.io/cpumanager": "true",
        "cpumanager": "true",
    }


def test_a_probe_that_failed_proves_nothing() -> None:
    present = node({"cpu-vendor.node.kubevirt.io/AMD": "true"})
    patch = heartbeat.patch(present, None, True, False, "now")["metadata"]
    assert "cpu-vendor.node.kubevirt.io/AMD" not in patch["labels"]


def test_what_cannot_run_a_guest_is_offered_nought_times() -> None:
    counts = {each.resource: each.count for each in offers(7, False, lambda device: device != "/dev/vhost-net")}
    assert counts == {"devices.kubevirt.io/kvm": 0, "devices.kubevirt.io/tun": 7, "devices.kubevirt.io/vhost-net": 0}
    assert offers(7, True, lambda _device: True)[0].count == 7


def test_whoever_gets_a_device_can_serve_page_faults_where_the_kernel_lets_it() -> None:
    assert {each.besides for each in offers(7, True, lambda _device: True)} == {("/dev/userfaultfd",)}
    assert {each.besides for each in offers(7, True, lambda device: device != "/dev/userfaultfd")} == {()}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_launchers_may_open_page_faults_and_nobody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_plugin, "HOST_ROOT", str(tmp_path))
    for name, whom in (("/kvm", EVERYONE), ("/userfaultfd", LAUNCHERS)):
        (tmp_path / name[1:]).touch(0o600)
        open_to(whom, name)
    kvm, faults = (tmp_path / "kvm").stat(), (tmp_path / "userfaultfd").stat()
    assert (kvm.st_mode & 0o777, kvm.st_gid) == (0o666, os.getgid())
    assert (faults.st_mode & 0o777, faults.st_gid, faults.st_uid) == (0o660, 107, os.geteuid())
    open_to(LAUNCHERS, "/absent")  # it is told, and nothing else happens


def test_messages_are_protobuf() -> None:
    """Field by field as the kubelet's own encoder writes them."""
    assert device_messages.register_request("k.sock", "d/kvm") == b"\n\x07v1beta1\x12\x06k.sock\x1a\x05d/kvm"
    assert device_messages.device_list(["kvm0"]) == b"\n\x0f\n\x04kvm0\x12\x07Healthy"
    device = device_messages.HostDevice(host_path="/h", container_path="/c")
    assert device_messages.allocate_response(1, (device,)) == b"\n\x0f\x1a\r\n\x02/c\x12\x02/h\x1a\x03mrw"
    assert device_messages.containers_asking(b"\n\x04\n\x02k1\n\x04\n\x02k2") == 2
    long = "x" * 300
    assert device_messages.device_list([long]).startswith(b"\n\xb8\x02\n\xac\x02xxx")


@given(st.binary(max_size=200))
def test_broken_requests_are_refused_or_counted(data: bytes) -> None:
    try:
        assert device_messages.containers_asking(data) >= 0
    except ValueError as error:
        assert str(error)


@pytest.mark.parametrize("text", ["", "<a>"])
def test_no_xml_is_no_facts(text: str) -> None:
    with pytest.raises(SyntaxError):
        read_facts(text, HOST)
