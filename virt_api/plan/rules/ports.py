"""The ports that a masquerading interface lets in: each a number, with a protocol and perhaps a name of its own.

A bridge lets everything in, so its list of ports is only a note to the reader and may repeat itself.
"""

from __future__ import annotations

from collections.abc import Iterator

from virt_api.plan.causes import DUPLICATE, REQUIRED
from virt_api.plan.reading import Raw, number, numbered, text
from virt_api.plan.rule import Offences, Rule, Subject
from virt_model.name_forms import port_name_faults

PROTOCOLS = ("TCP", "UDP")


def _ports(subject: Subject) -> Iterator[tuple[int, int, Raw]]:
    for i, interface in numbered(subject.spec, "domain", "devices", "interfaces"):
        for j, port in numbered(interface, "ports"):
            yield i, j, port


def _no_number(subject: Subject) -> Offences:
    for i, j, port in _ports(subject):
        if not number(port, "port"):
            yield {"i": i, "j": j}


def _impossible_number(subject: Subject) -> Offences:
    for i, j, port in _ports(subject):
        value = number(port, "port") or 0
        if value < 0 or value > 65535:
            yield {"i": i, "j": j}


def _unknown_protocol(subject: Subject) -> Offences:
    for i, j, port in _ports(subject):
        protocol = text(port, "protocol")
        if protocol and protocol not in PROTOCOLS:
            yield {"i": i, "j": j}


def _repeated_name(subject: Subject) -> Offences:
    for i, interface in numbered(subject.spec, "domain", "devices", "interfaces"):
        seen: set[str] = set()
        for j, port in numbered(interface, "ports"):
            name = text(port, "name")
            if name and name in seen:
                yield {"i": i, "j": j, "name": name}
            seen.add(name)


def _bad_name(subject: Subject) -> Offences:
    for i, j, port in _ports(subject):
        name = text(port, "name")
        if name and port_name_faults(name):
            yield {"i": i, "j": j, "name": name}


_PORT = "{at}.domain.devices.interfaces[{i}].ports[{j}]"

PORTS = (
    Rule(_no_number, _PORT + ".port", "Port field is mandatory.", REQUIRED),
    Rule(_impossible_number, _PORT + ".port", "Port field must be in range 0 < x < 65536."),
    Rule(_unknown_protocol, _PORT + ".protocol", "Unknown protocol, only TCP or UDP allowed"),
    Rule(_repeated_name, _PORT + ".name", "Duplicate name of the port: {name}", DUPLICATE),
    Rule(_bad_name, _PORT + ".name", "Invalid name of the port: {name}"),
)
