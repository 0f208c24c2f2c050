"""The whole domain of each kept guest, byte for byte, and accepted by libvirt itself where there is one.

After a change that is meant: `PODVIRT_WRITE_GOLDENS=1 pytest tests/unit/virt_launcher/test_domain_goldens.py`, and
read the difference.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.virt_launcher.domains import DOMAINS
from virt_launcher.plan.domain import render

GOLDENS = Path(__file__).parents[2] / "goldens" / "domain"


@pytest.mark.parametrize("name", DOMAINS)
def test_golden(name: str) -> None:
    xml = render(DOMAINS[name]()) + "\n"
    golden = GOLDENS / f"{name}.xml"
    if os.environ.get("PODVIRT_WRITE_GOLDENS"):
        golden.write_text(xml)
    assert golden.read_text() == xml


def test_no_golden_is_left_over() -> None:
    assert {path.stem for path in GOLDENS.glob("*.xml")} == set(DOMAINS)


@pytest.fixture(scope="module")
def hypervisor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A connection to libvirt's embedded driver; the tests that need one are skipped where there is no libvirt."""
    libvirt = pytest.importorskip("libvirt")
    from virt_launcher.adapters.embed_root import EmbedRoot

    root = EmbedRoot(str(tmp_path_factory.getbasetemp() / "embed"))
    root.prepare()
    libvirt.virEventRegisterDefaultImpl()
    threading.Thread(target=_turn, args=[libvirt], daemon=True).start()
    connection = libvirt.open(root.uri)
    yield connection
    connection.close()


def _turn(libvirt: Any) -> None:
    while True:
        libvirt.virEventRunDefaultImpl()


@pytest.mark.parametrize("name", DOMAINS)
def test_libvirt_takes_it(name: str, hypervisor: Any) -> None:
    """Checked against libvirt's schema, and given addresses by its QEMU driver, which must keep all of ours."""
    import libvirt

    xml = (GOLDENS / f"{name}.xml").read_text()
    if not os.path.exists("/dev/kvm"):
        xml = xml.replace('<domain type="kvm">', '<domain type="qemu">')
    domain = hypervisor.defineXMLFlags(xml, libvirt.VIR_DOMAIN_DEFINE_VALIDATE)
    try:
        defined = domain.XMLDesc()
        assert defined.count("model='pcie-root-port'") == xml.count('model="pcie-root-port"')
        assert "ua-root" in defined
    finally:
        domain.undefineFlags(libvirt.VIR_DOMAIN_UNDEFINE_NVRAM)
