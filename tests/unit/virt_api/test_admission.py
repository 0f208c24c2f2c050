"""Admission of anything: never a crash, defaults that settle, and the rules that the recording does not reach."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.virt_api.worlds import CHANCE, CONTROLLER, USER, admit, ask, patched, world
from virt_api.plan.admission import ADMISSIONS
from virt_api.plan.defaults.vm import created_vm
from virt_api.plan.defaults.vmi import created_vmi
from virt_api.plan.unsupported import documentation
from virt_model.config import ClusterConfig, LiveUpdate, from_kubevirt

CREATE_VMI = "/virtualmachineinstances-validate-create"
CONFIG = ClusterConfig()

# Field names of the API, so that random objects look into the places where the rules look.
_WORDS = """
    spec metadata status template domain devices disks volumes interfaces networks name disk cdrom
    lun bus pod multus masquerade bridge ports port cpu cores sockets threads memory guest hugepages
    pageSize resources requests limits machine type firmware uuid bootloader efi features hyperv
    evmcs enabled readinessProbe tcpSocket containerDisk image cloudInitNoCloud userData
    userDataBase64 labels annotations finalizers runStrategy running bootOrder serial architecture
    evictionStrategy inputs watchdog i6300esb topologySpreadConstraints maxSkew dnsConfig dnsPolicy
    nameservers accessCredentials selector matchLabels vmiName phase dhcpOptions privateOptions
"""
_NAMES = st.sampled_from(_WORDS.split())
_LEAVES = (
    st.none() | st.booleans() | st.integers(-5, 70000) | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)
_LEAVES |= st.sampled_from(
    ["64Mi", "2Gi", "-1", "1500m", "virtio", "sata", "Always", "default", "root", "amd64", "a.b"]
)
_JSON = st.recursive(
    _LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=6), max_leaves=40
)


@settings(max_examples=200, deadline=None)
@given(new=_JSON, old=st.none() | _JSON)
def test_any_json_gets_a_verdict(new: Any, old: Any) -> None:
    for path in sorted(ADMISSIONS):
        response = ask(path, new, old)
        assert isinstance(response["allowed"], bool), path
        assert response["allowed"] or response["status"]["message"], path


def _spec(**more: Any) -> dict[str, Any]:
    return {
        "domain": {
            "resources": {"requests": {"memory": "128Mi"}},
            "devices": {"disks": [{"name": "root", "disk": {"bus": "virtio"}}]},
        },
        "volumes": [{"name": "root", "containerDisk": {"image": "localhost/guest:1"}}],
        **more,
    }


def _vmi(**more: Any) -> dict[str, Any]:
    return {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachineInstance",
        "metadata": {"name": "x", "namespace": "ns"},
        "spec": _spec(**more),
    }


def _vm(**more: Any) -> dict[str, Any]:
    spec = {"runStrategy": "Halted", "template": {"metadata": {}, "spec": _spec()}, **more}
    return {"apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine", "metadata": {"name": "x"}, "spec": spec}


_SPECS = st.fixed_dictionaries(
    {
        "domain": st.fixed_dictionaries(
            {"devices": st.dictionaries(_NAMES, _JSON, max_size=4)}, optional={"cpu": _JSON, "memory": _JSON}
        )
    },
    optional={"volumes": _JSON, "networks": _JSON, "readinessProbe": _JSON, "architecture": st.just("arm64")},
)


@settings(max_examples=100, deadline=None)
@given(spec=_SPECS)
def test_defaults_settle_at_once(spec: Any) -> None:
    vmi = {"metadata": {"name": "x"}, "spec": spec}
    before = deepcopy(vmi)
    once = created_vmi(vmi, CONFIG, CHANCE)
    assert vmi == before, "a default changed its input"
    assert created_vmi(once, CONFIG, CHANCE) == once
    vm = {"metadata": {"name": "x"}, "spec": {"template": {"spec": spec}}}
    first = created_vm(vm, CONFIG, CHANCE)
    assert created_vm(first, CONFIG, CHANCE) == first


def test_only_we_say_of_which_revision_a_vmi_is_made() -> None:
    made = {**_vmi(), "status": {"phase": "Running", "virtualMachineRevisionName": "revision-start-vm-u-1"}}
    for user, kept in ((CONTROLLER, "revision-start-vm-u-1"), (USER, None)):
        code, stored = admit("virtualmachineinstances", made, user=user)
        assert code == 201, stored
        assert stored["status"].get("virtualMachineRevisionName") == kept
        assert stored["status"]["phase"] == "Pending"


def test_what_is_said_stays_as_it_was_said() -> None:
    said = _vmi(evictionStrategy="LiveMigrateIfPossible", architecture="arm64", terminationGracePeriodSeconds=0)
    said["spec"]["domain"]["cpu"] = {"cores": 2, "model": "Haswell"}
    stored = created_vmi(said, CONFIG, CHANCE)
    spec = stored["spec"]
    assert spec["domain"]["cpu"] == {"cores": 2, "model": "Haswell"}
    assert spec["domain"]["machine"] == {"type": "virt"}
    assert (spec["evictionStrategy"], spec["terminationGracePeriodSeconds"]) == ("LiveMigrateIfPossible", 0)
    assert stored["status"]["currentCPUTopology"] == {"cores": 2}


def test_volumes_get_disks_and_disks_a_bus() -> None:
    vmi = _vmi()
    vmi["spec"]["volumes"] += [
        {"name": "seed", "cloudInitNoCloud": {"userData": "#cloud-config"}},
        {"name": "cd", "containerDisk": {"image": "registry:5000/iso"}},
        {"name": "pinned", "containerDisk": {"image": "iso@sha256:" + "0" * 64}},
    ]
    vmi["spec"]["domain"]["devices"]["disks"] += [{"name": "cd", "cdrom": {}}, {"name": "pinned"}]
    _, stored = admit("virtualmachineinstances", vmi)
    assert stored["spec"]["domain"]["devices"]["disks"][1:] == [
        {"name": "cd", "cdrom": {"bus": "sata", "readonly": True, "tray": "closed"}},
        {"name": "pinned", "disk": {"bus": "sata"}},
        {"name": "seed", "disk": {"bus": "sata"}},
    ]
    policies = [volume.get("containerDisk", {}).get("imagePullPolicy") for volume in stored["spec"]["volumes"]]
    assert policies == ["IfNotPresent", None, "Always", "IfNotPresent"]


@pytest.mark.parametrize(
    ("guest", "most"),
    [("1Gi", "4Gi"), ("1536Mi", "6Gi"), ("192Mi", None), ("1073741825", None), ("2G", None), ("2048Mi", "8Gi")],
)
def test_room_for_memory(guest: str, most: str | None) -> None:
    vmi = _vmi()
    vmi["spec"]["domain"]["memory"] = {"guest": guest}
    _, stored = admit("virtualmachineinstances", vmi)
    assert stored["spec"]["domain"]["memory"].get("maxGuest") == most


@pytest.mark.parametrize(
    ("cpu", "config", "most"),
    [
        ({"sockets": 2}, ClusterConfig(), 8),
        ({"sockets": 2}, ClusterConfig(live_update=LiveUpdate(max_cpu_sockets=3)), 3),
        ({"sockets": 200, "cores": 2}, ClusterConfig(), 256),
        ({"sockets": 2, "maxSockets": 2}, ClusterConfig(), 2),
        ({"sockets": 2}, ClusterConfig(vm_rollout_strategy="Stage"), None),
        ({"cores": 2}, ClusterConfig(), None),
    ],
)
def test_room_for_sockets(cpu: dict[str, int], config: ClusterConfig, most: int | None) -> None:
    vmi = _vmi()
    vmi["spec"]["domain"]["cpu"] = cpu
    assert created_vmi(vmi, config, CHANCE)["spec"]["domain"]["cpu"].get("maxSockets") == most


def test_the_cluster_decides_what_nobody_said() -> None:
    kubevirt = {
        "spec": {
            "configuration": {
                "cpuModel": "Nehalem",
                "cpuRequest": "250m",
                "machineType": "pc-q35-9.0",
                "evictionStrategy": "LiveMigrateIfPossible",
                "network": {"defaultNetworkInterface": "masquerade"},
            }
        }
    }
    stored = created_vmi(_vmi(), from_kubevirt(kubevirt), CHANCE)["spec"]
    assert stored["domain"]["cpu"]["model"] == "Nehalem"
    assert stored["domain"]["resources"]["requests"]["cpu"] == "250m"
    assert stored["domain"]["machine"]["type"] == "pc-q35-9.0"
    assert stored["evictionStrategy"] == "LiveMigrateIfPossible"
    assert stored["domain"]["devices"]["interfaces"] == [{"name": "default", "masquerade": {}}]


def test_windows_enlightenments_bring_what_they_need() -> None:
    vmi = _vmi()
    vmi["spec"]["domain"]["features"] = {
        "apic": {},
        "hyperv": {"synictimer": {}, "evmcs": {}, "spinlocks": {}, "ipi": {"enabled": False}},
    }
    domain = created_vmi(vmi, CONFIG, CHANCE)["spec"]["domain"]
    assert domain["features"]["apic"] == {"enabled": True}
    hyperv = domain["features"]["hyperv"]
    assert [hyperv[name]["enabled"] for name in ("synictimer", "synic", "vpindex", "vapic")] == [True] * 4
    assert hyperv["spinlocks"] == {"enabled": True, "spinlocks": 4096}
    assert domain["cpu"]["features"] == [{"name": "vmx", "policy": "require"}]


def test_only_our_components_write_a_status() -> None:
    old = admit("virtualmachineinstances", _vmi())[1]
    new = {**old, "status": {**old["status"], "phase": "Failed"}, "metadata": {**old["metadata"], "labels": {"a": "b"}}}
    code, stored = admit("virtualmachineinstances", new, old, USER)
    assert (code, stored["status"], stored["metadata"]["labels"]) == (200, old["status"], {"a": "b"})
    assert admit("virtualmachineinstances", new, old, CONTROLLER) == (200, new)


def test_our_components_change_a_spec_but_not_its_ceilings() -> None:
    old = admit("virtualmachineinstances", _vmi())[1]
    grown = deepcopy(old)
    grown["spec"]["domain"]["cpu"]["sockets"] = 2
    assert admit("virtualmachineinstances", grown, old, CONTROLLER)[0] == 200
    assert admit("virtualmachineinstances", grown, old, USER)[1]["message"].endswith(
        "update of VMI object is restricted"
    )
    grown["spec"]["domain"]["cpu"]["maxSockets"] = 8
    assert admit("virtualmachineinstances", grown, old, CONTROLLER)[0] == 422


def test_an_agent_touches_only_the_guests_of_its_node() -> None:
    old = {**admit("virtualmachineinstances", _vmi())[1], "status": {"phase": "Running", "nodeName": "node01"}}
    new = {**old, "metadata": {**old["metadata"], "annotations": {"a": "b"}}}

    def agent(node: str) -> dict[str, Any]:
        extra = {"authentication.kubernetes.io/node-name": [node]}
        return {"username": "system:serviceaccount:kubevirt:kubevirt-handler", "extra": extra}

    path = "/virtualmachineinstances-validate-update"
    assert ask(path, new, old, agent("node01"))["allowed"]
    assert not ask(path, new, old, agent("node02"))["allowed"]
    annotations = {**old["metadata"].get("annotations", {}), "podvirt.io/target-answers": "job"}
    said = {**old["metadata"], "resourceVersion": "8", "annotations": annotations}
    assert ask(path, {**old, "metadata": said}, old, agent("node02"))["allowed"], "a migration's target answers there"
    more = {**said, "annotations": {**said["annotations"], "a": "b"}}
    assert not ask(path, {**old, "metadata": more}, old, agent("node02"))["allowed"], "and nothing else besides"


def test_a_status_write_is_not_judged_by_rules_that_came_later() -> None:
    old = _vm()
    old["spec"]["template"]["spec"]["domain"]["devices"]["gpus"] = [{"name": "g", "deviceName": "x/y"}]
    assert admit("virtualmachines", {**old, "metadata": {"name": "x", "finalizers": []}}, old)[0] == 200
    changed = deepcopy(old)
    changed["spec"]["runStrategy"] = "Always"
    assert admit("virtualmachines", changed, old)[0] == 422


def test_running_is_deprecated_but_fine() -> None:
    vm = _vm(running=False)
    del vm["spec"]["runStrategy"]
    response = ask("/virtualmachines-validate", vm)
    assert response["allowed"]
    assert response["warnings"] == ["spec.running is deprecated, please use spec.runStrategy instead."]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({}, "RunStrategy must be specified"),
        ({"runStrategy": "Sometimes"}, "Invalid RunStrategy (Sometimes)"),
    ],
)
def test_a_vm_says_how_it_runs(spec: dict[str, Any], message: str) -> None:
    vm = _vm(**spec)
    if not spec:
        del vm["spec"]["runStrategy"]
    code, said = admit("virtualmachines", vm)
    assert (code, said["details"]["causes"][0]["message"]) == (422, message)


@pytest.mark.parametrize(
    ("place", "value", "field"),
    [
        (
            ("volumes",),
            [{"name": "root", "persistentVolumeClaim": {"claimName": "c"}}],
            "volumes[0].persistentVolumeClaim",
        ),
        (("domain", "devices", "gpus"), [{"name": "g", "deviceName": "x/y"}], "domain.devices.gpus"),
        (("domain", "devices", "tpm"), {}, "domain.devices.tpm"),
    ],
)
def test_what_is_not_supported_yet_is_refused_by_its_path(place: tuple[str, ...], value: Any, field: str) -> None:
    for plural, raw, at in (
        ("virtualmachineinstances", _vmi(), ("spec",)),
        ("virtualmachines", _vm(), ("spec", "template", "spec")),
    ):
        target: Any = raw
        for step in (*at, *place[:-1]):
            target = target[step]
        target[place[-1]] = value
        code, said = admit(plural, raw)
        causes = said["details"]["causes"]
        assert (code, [(cause["reason"], cause["field"]) for cause in causes]) == (
            422,
            [("FieldValueNotSupported", f"{'.'.join(at)}.{field}")],
        )
        assert causes[0]["message"].endswith("not supported yet")


def test_the_documented_table_is_the_table() -> None:
    text = (Path(__file__).resolve().parents[3] / "docs" / "not-supported-yet.md").read_text()
    assert text.endswith(f"\n{documentation()}\n"), "write virt_api.plan.unsupported.documentation() to the page"


def test_an_annotation_that_asks_for_something_is_refused_too() -> None:
    vm = _vm()
    vm["spec"]["template"]["metadata"]["annotations"] = {"hooks.kubevirt.io/hookSidecars": "[]"}
    allowed = world(ClusterConfig(gates_on=frozenset({"Sidecar"})))
    (cause,) = admit("virtualmachines", vm, around=allowed)[1]["details"]["causes"]
    assert cause["field"] == "spec.template.metadata.annotations[hooks.kubevirt.io/hookSidecars]"


def test_ten_causes_are_told_and_the_rest_counted() -> None:
    vmi = _vmi(volumes=[{"name": f"v{i}"} for i in range(12)])
    vmi["spec"]["domain"]["devices"] = {"disks": []}
    status = ask(CREATE_VMI, vmi)["status"]
    assert len(status["details"]["causes"]) == 10
    assert status["message"].endswith(", and 2 more validation errors")


def test_old_versions_are_judged_alike() -> None:
    for raw, plural in ((_vmi(), "virtualmachineinstances"), (_vm(), "virtualmachines")):
        code, stored = admit(plural, {**raw, "apiVersion": "kubevirt.io/v1alpha3"})
        assert (code, stored["apiVersion"]) == (201, "kubevirt.io/v1alpha3")


def test_a_patch_gives_what_was_meant() -> None:
    response = ask("/virtualmachineinstances-mutate", _vmi())
    stored = patched(_vmi(), response)
    assert stored == created_vmi(_vmi(), CONFIG, CHANCE)


def _replicaset(**spec: Any) -> dict[str, Any]:
    template = {"metadata": {"labels": {"app": "a"}}, "spec": _vmi()["spec"]}
    wanted = {"selector": {"matchLabels": {"app": "a"}}, "template": template, **spec}
    return {"kind": "VirtualMachineInstanceReplicaSet", "metadata": {"name": "rs", "namespace": "n"}, "spec": wanted}


def test_a_replica_set_is_judged_by_its_schema_its_template_and_its_selector() -> None:
    plural = "virtualmachineinstancereplicasets"
    assert admit(plural, _replicaset())[0] == 201
    bad = _replicaset()
    bad["spec"]["template"]["spec"]["dnsPolicy"] = "bogus"
    code, said = admit(plural, bad)
    assert (code, said["details"]["causes"][0]["message"]) == (
        422,
        "spec.template.spec.dnsPolicy in body should be one of [ClusterFirst ClusterFirstWithHostNet Default None]",
    )
    for selector, words in (
        ({"matchLabels": {"app": "b"}}, "selector does not match labels."),
        ({"matchExpressions": [{"key": "app", "operator": "Maybe"}]}, '"Maybe" is not a valid label selector operator'),
    ):
        (cause,) = admit(plural, _replicaset(selector=selector))[1]["details"]["causes"]
        assert (cause["field"], cause["message"]) == ("spec.selector", words)
