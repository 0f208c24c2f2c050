"""Our domain, laid beside the one that a stock KubeVirt made from the same VMI: whatever we write must be there.

What libvirt itself adds or expands (host-model, the machine's version, aliases, addresses of its own devices) is only
in the recording and is not looked at.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, fromstring

import msgspec
import pytest

from tests.unit.virt_launcher.recorded import load, recordings
from virt_launcher.plan.domain import render
from virt_launcher.plan.given import Accelerator, FirmwareFiles, Given, Image, Nic, Source
from virt_launcher.plan.guest import Guest

CHANGED_WHILE_RUNNING = re.compile(r"08-storage/hot|08-storage/restarted|10-live-update/(cpu2|mem1536|restarted)")
"""Domains that a hot-plug has changed since they were made."""
NOT_YET = re.compile(r"12-variants/r\.tpm")
"""A device that this version refuses."""
QEMU = "http://libvirt.org/schemas/domain/qemu/1.0"
UNITS = {"b": 1, "KiB": 1 << 10}


def given(vmi: dict[str, Any], live: Element) -> Given:
    """The surroundings that the recorded domain was made in, read back from it."""
    return Given(
        guest=msgspec.convert(vmi, Guest),
        accelerator=Accelerator(live.get("type", "")),
        sources={_name(disk): _source(disk) for disk in live.iterfind("devices/disk")},
        nics=tuple(_nic(nic) for nic in live.iterfind("devices/interface")),
        firmware=_firmware(live),
    )


def _name(device: Element) -> str:
    return device.find("alias").get("name").removeprefix("ua-")


def _source(disk: Element) -> Source:
    backing = disk.find("backingStore/source")
    return Source(
        image=Image(path=disk.find("source").get("file"), format=disk.find("driver").get("type")),
        backing=None
        if backing is None
        else Image(path=backing.get("file"), format=disk.find("backingStore/format").get("type")),
    )


def _nic(nic: Element) -> Nic:
    return Nic(
        name=_name(nic),
        tap=nic.find("target").get("dev"),
        mac=nic.find("mac").get("address"),
        mtu=int(nic.find("mtu").get("size")),
    )


def _firmware(live: Element) -> FirmwareFiles | None:
    loader, nvram = live.find("os/loader"), live.find("os/nvram")
    if loader is None or nvram is None:
        return None
    return FirmwareFiles(code=loader.text, variables=nvram.get("template"), nvram=nvram.text)


def missing(ours: Element, live: Element, where: str = "") -> list[str]:
    """What of `ours` is not in `live`: attributes, text and children, in any order."""
    here = f"{where}/{ours.tag}"
    found = [
        f"{here}@{name}={value} (recorded {live.get(name)})"
        for name, value in ours.attrib.items()
        if not _expanded(ours, name) and live.get(name) != value
    ]
    if (ours.text or "").strip() != (live.text or "").strip():
        found.append(f"{here}={ours.text!r} (recorded {live.text!r})")
    left = list(live)
    for child in ours:
        tried = [(missing(child, candidate, here), candidate) for candidate in left if candidate.tag == child.tag]
        best, match = min(tried, key=lambda pair: len(pair[0]), default=([f"{here}/{child.tag} is not there"], None))
        found += best
        if match is not None:
            left.remove(match)
    return found


def _expanded(ours: Element, attribute: str) -> bool:
    """Attributes that libvirt replaces by something more exact."""
    return (ours.tag, attribute) in {
        ("cpu", "mode"),
        ("type", "machine"),
        ("timer", "present"),
        ("console", "type"),
        ("pci", "model"),
    } or (ours.tag in ("memory", "maxMemory", "cell") and attribute in ("unit", "memory"))


def in_bytes(tree: Element) -> Element:
    """The tree with its sizes in bytes."""
    for node in tree.iter():
        unit = node.get("unit", "")
        if unit in UNITS and node.tag in ("memory", "maxMemory"):
            node.text = str(int(node.text or "") * UNITS[unit])
    return tree


@pytest.mark.parametrize("path", recordings())
def test_what_we_write_is_what_the_original_wrote(path: Path) -> None:
    case = f"{path.parent.name}/{path.name}"
    if CHANGED_WHILE_RUNNING.match(case) or NOT_YET.match(case):
        pytest.skip("changed after its start, or not supported yet")
    recording = load(path)
    live = in_bytes(recording.live)
    ours = in_bytes(fromstring(render(given(recording.vmi, recording.live))))
    ours.remove(ours.find(f"{{{QEMU}}}commandline"))  # the launcher's second monitor: the original waits for libvirt
    assert missing(ours, live) == []
    ports = [len(tree.findall("devices/controller[@model='pcie-root-port']")) for tree in (ours, live)]
    assert ports[0] == ports[1]
