"""What is admitted can be started: its launcher pod is one that Kubernetes takes, its domain one that libvirt takes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any
from xml.etree import ElementTree

from hypothesis import given, settings
from hypothesis import strategies as st

from api.quantity import compare_quantities
from tests.unit.virt_api.specs import LONG, specs
from tests.unit.virt_api.worlds import CONTROLLER, admit
from tests.unit.virt_launcher import domains
from virt_controller.plan import launcher_pod, vm_start
from virt_launcher.plan import cloud_init, domain
from virt_launcher.plan.disk import SATA_PORTS
from virt_launcher.plan.guest import Guest
from virt_model.config import ClusterConfig
from virt_model.name_forms import label_faults
from virt_model.seen import Vm

Json = dict[str, Any]
CONFIG = ClusterConfig(use_emulation=True)
EXAMPLES = 150
ADMITTED = 0.6
"""The share of the generated specs that must be admitted at least, or the test says little."""
_NAMES = ("x", "x.y", LONG, "x" * 64 + ".y")
_LABEL_VALUE = re.compile("([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?", re.ASCII)


def test_a_vmi_that_is_admitted_renders() -> None:
    seen: Counter[int] = Counter()

    @settings(max_examples=EXAMPLES, deadline=None)
    @given(spec=specs(), name=st.sampled_from(_NAMES))
    def check(spec: Json, name: str) -> None:
        code, stored = admit("virtualmachineinstances", {**_object("VirtualMachineInstance", name), "spec": spec})
        seen[code] += 1
        if code == 201:
            _renders(stored)

    check()
    assert seen[201] >= ADMITTED * sum(seen.values()), seen


def test_a_vm_that_is_admitted_makes_a_vmi_that_is_and_renders() -> None:
    seen: Counter[int] = Counter()

    @settings(max_examples=EXAMPLES // 3, deadline=None)
    @given(template=specs())
    def check(template: Json) -> None:
        vm = {"runStrategy": "Always", "template": {"spec": template}}
        code, stored = admit("virtualmachines", {**_object("VirtualMachine", "x"), "spec": vm})
        seen[code] += 1
        if code == 201:
            made = vm_start.instance(Vm(stored))
            made["metadata"]["uid"] = domains.UID
            code, started = admit("virtualmachineinstances", made, user=CONTROLLER)
            assert code == 201, started
            _renders(started)

    check()
    assert seen[201] >= ADMITTED * sum(seen.values()), seen


def _object(kind: str, name: str) -> Json:
    metadata = {"name": name, "namespace": "ns", "uid": domains.UID, "generation": 1}
    return {"apiVersion": "kubevirt.io/v1", "kind": kind, "metadata": metadata}


def _renders(vmi: Json) -> None:
    pod = launcher_pod.render(vmi, CONFIG, "launcher")
    _kubernetes_takes(pod)
    guest = domains.stored(vmi)
    _seeds_apart(guest)
    _libvirt_takes(ElementTree.fromstring(domain.render(domains.started(guest))))


def _seeds_apart(guest: Guest) -> None:
    """No two cloud-init disks are one file."""
    kinds = ((each.name, each.cloud_init_no_cloud, each.cloud_init_config_drive) for each in guest.spec.volumes)
    _unique(
        cloud_init.file_name(guest, name, "x" if no_cloud else "y")
        for name, no_cloud, drive in kinds
        if no_cloud or drive
    )


def _kubernetes_takes(pod: Json) -> None:
    """What the API server asks of a pod that its owner did not write himself."""
    spec = pod["spec"]
    names = [volume["name"] for volume in spec["volumes"]]
    _unique(names)
    _unique(container["name"] for container in spec["containers"])
    for name in (*names, spec["hostname"], *(container["name"] for container in spec["containers"])):
        assert not label_faults(name), name
    assert len(pod["metadata"]["name"]) <= 63
    for label, value in {**pod["metadata"]["labels"], **spec["nodeSelector"]}.items():
        assert _LABEL_VALUE.fullmatch(value), (label, value)
    for container in spec["containers"]:
        mounts = container["volumeMounts"]
        _unique(mount["mountPath"] for mount in mounts)
        assert {mount["name"] for mount in mounts} <= set(names)
        _unique(port["name"] for port in container.get("ports", ()) if "name" in port)
        _resources_fit(container["resources"])
        for probe in ("readinessProbe", "livenessProbe"):
            if probe in container:
                assert len(container[probe].keys() & {"exec", "httpGet", "tcpSocket", "grpc"}) == 1
                assert container[probe]["timeoutSeconds"] >= 1


def _libvirt_takes(tree: ElementTree.Element) -> None:
    """What libvirt asks of a domain beyond its schema."""
    _unique(alias.attrib["name"] for alias in tree.iterfind("devices/*/alias"))
    _unique(target.attrib["dev"] for target in tree.iterfind("devices/disk/target"))
    _unique(boot.attrib["order"] for boot in tree.iterfind("devices/*/boot"))
    _unique(tuple(sorted(place.attrib.items())) for place in tree.iterfind("devices/*/address[@type='pci']"))
    for disk in tree.iterfind("devices/disk/target[@bus='sata']/../address"):
        assert int(disk.attrib["unit"]) < SATA_PORTS
    for bus in ("sata", "scsi"):
        on_bus = [disk for disk in tree.iterfind("devices/disk") if disk.find(f"target[@bus='{bus}']") is not None]
        _unique(tuple(sorted(disk.find("address").attrib.items())) for disk in on_bus)  # type: ignore[union-attr]


def _resources_fit(resources: Json) -> None:
    for name, limit in resources.get("limits", {}).items():
        assert compare_quantities(resources["requests"].get(name, limit), limit) <= 0, resources


def _unique(things: Iterable[object]) -> None:
    twice = [thing for thing, times in Counter(things).items() if times > 1]
    assert not twice, twice
