"""Guests of admitted VMIs, generated, before libvirt itself: its schema, its addresses, what its QEMU driver allows."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings

from tests.unit.virt_api.specs import specs
from tests.unit.virt_api.worlds import admit
from tests.unit.virt_launcher import domains
from tests.unit.virt_launcher.conftest import Embedded
from virt_launcher.plan.domain import render


def test_libvirt_takes_what_is_admitted(embedded: Embedded) -> None:
    import libvirt

    connection = libvirt.open(embedded.uri)

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(spec=specs())
    def check(spec: dict[str, Any]) -> None:
        metadata = {"name": "x", "namespace": "ns", "uid": domains.UID}
        code, vmi = admit("virtualmachineinstances", {"metadata": metadata, "spec": spec})
        if code == 201:
            xml = render(domains.started(domains.stored(vmi)))
            domain = connection.defineXMLFlags(xml, libvirt.VIR_DOMAIN_DEFINE_VALIDATE)
            domain.undefineFlags(libvirt.VIR_DOMAIN_UNDEFINE_NVRAM)

    try:
        check()
    finally:
        connection.close()
