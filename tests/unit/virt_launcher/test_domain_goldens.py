"""The whole domain of each kept guest, byte for byte, and accepted by libvirt itself where there is one.

After a change that is meant: `PODVIRT_WRITE_GOLDENS=1 pytest tests/unit/virt_launcher/test_domain_goldens.py`, and
read the difference.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.unit.virt_launcher.conftest import Embedded
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


@pytest.mark.parametrize("name", DOMAINS)
def test_libvirt_takes_it(name: str, embedded: Embedded) -> None:
    """Checked against libvirt's schema, and given addresses by its QEMU driver, which must keep all of ours."""
    import libvirt

    xml = (GOLDENS / f"{name}.xml").read_text()
    if not os.path.exists("/dev/kvm"):
        xml = xml.replace(' type="kvm">', ' type="qemu">', 1)
    connection = libvirt.open(embedded.uri)
    domain = connection.defineXMLFlags(xml, libvirt.VIR_DOMAIN_DEFINE_VALIDATE)
    try:
        defined = domain.XMLDesc()
        assert defined.count("model='pcie-root-port'") == xml.count('model="pcie-root-port"')
        assert "ua-root" in defined
    finally:
        domain.undefineFlags(libvirt.VIR_DOMAIN_UNDEFINE_NVRAM)
        connection.close()
