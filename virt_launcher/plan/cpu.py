"""`<cpu>`, `<vcpu>` and `<vcpus>`: model and topology, with room for the sockets that may be plugged in later."""

from __future__ import annotations

from typing import NamedTuple
from xml.etree.ElementTree import Element

from api.cpu_memory import CPU
from virt_launcher.plan.given import Given
from virt_launcher.plan.memory import grows
from virt_launcher.plan.tree import element, yes_no

WITHOUT = "mpx"
"""A flag that named x86 models carry and present CPUs and guests have lost."""


class Count(NamedTuple):
    """vCPUs at boot and at most; `socket` is how many one socket has."""

    now: int
    most: int
    socket: int


def count(cpu: CPU | None) -> Count:
    """The number of vCPUs; each dimension that is not set counts as one."""
    cpu = cpu or CPU()
    socket = max(cpu.cores, 1) * max(cpu.threads, 1)
    sockets = max(cpu.sockets, 1)
    return Count(sockets * socket, max(sockets, cpu.max_sockets) * socket, socket)


def vcpus(given: Given) -> list[Element]:
    """How many vCPUs there are and, where more can be plugged in, which of them is present."""
    vcpu = count(given.guest.spec.domain.cpu)
    if vcpu.now == vcpu.most:
        return [element("vcpu", str(vcpu.now), placement="static")]
    return [
        element("vcpu", str(vcpu.most), placement="static", current=vcpu.now),
        element("vcpus", (_slot(number, vcpu) for number in range(vcpu.most))),
    ]


def _slot(number: int, vcpu: Count) -> Element:
    present = number < vcpu.now
    return element(
        "vcpu",
        id=number,
        enabled=yes_no(present),
        hotpluggable=yes_no(number >= vcpu.socket),
        order=number + 1 if present else None,
    )


def cpu(given: Given) -> Element:
    """The model: the host's as libvirt describes it, the host's as it is, or one by name."""
    wanted = given.guest.spec.domain.cpu or CPU()
    model = wanted.model or "host-model"
    named = model not in ("host-model", "host-passthrough")
    features = {feature.name: feature.policy or "require" for feature in wanted.features}
    if named:
        features = {WITHOUT: "disable"} | features
    return element(
        "cpu",
        element("model", model) if named else None,
        _topology(wanted),
        (element("feature", name=name, policy=policy) for name, policy in features.items()),
        _numa(given),
        mode="custom" if named else model,
    )


def _topology(wanted: CPU) -> Element:
    return element(
        "topology",
        sockets=max(wanted.sockets, wanted.max_sockets, 1),
        cores=max(wanted.cores, 1),
        threads=max(wanted.threads, 1),
    )


def _numa(given: Given) -> Element | None:
    """Memory can only be plugged into a NUMA node, so a guest that may grow has one."""
    guest = given.guest
    if not grows(guest):
        return None
    last = count(guest.spec.domain.cpu).most - 1
    cell = element("cell", id=0, cpus=f"0-{last}", memory=guest.memory_bytes, unit="b")
    return element("numa", cell)
