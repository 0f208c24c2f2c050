"""Where a port-forward leads: a port of the guest's first interface, if it has one and the guest is not paused."""

from __future__ import annotations

import os

import msgspec

from virt_api.plan.reading import Raw, flag, rows, text
from virt_api.plan.status import VM, VMI, CallFailed, Failure, bad_request, conflict, internal_error
from virt_model import conditions
from virt_model.conditions import Type
from virt_model.name_forms import authority

PROTOCOLS = ("tcp", "udp")
LAST_PORT = 65535


class End(msgspec.Struct, frozen=True, kw_only=True):
    """The guest's end of a tunnel."""

    protocol: str
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.protocol} {authority(self.host, self.port)}"


def end_of(vmi: Raw, port: str, protocol: str) -> End:
    """`port` and `protocol` are words of the caller's URL. Raises CallFailed."""
    if conditions.is_true(rows(vmi, "status", "conditions"), Type.PAUSED):
        raise CallFailed(conflict(VMI, text(vmi, "metadata", "name"), "VMI is paused"))
    if protocol not in PROTOCOLS:
        raise CallFailed(bad_request(f"unknown protocol {protocol}: it is tcp or udp"))
    number = int(port) if port.isascii() and port.isdecimal() and len(port) <= len(str(LAST_PORT)) else 0
    if not 0 < number <= LAST_PORT:
        raise CallFailed(bad_request(f"invalid port {port}: it is a number from 1 to {LAST_PORT}"))
    host = next((text(each, "ipAddress") for each in rows(vmi, "status", "interfaces")), "")
    if not host:
        raise CallFailed(bad_request("no network interfaces are present"))
    return End(protocol=protocol, host=host, port=number)


def not_started(vm: Raw) -> Failure | None:
    """Why a VM has no guest to lead to, if so."""
    if flag(vm, "status", "created"):
        return None
    return conflict(VM, text(vm, "metadata", "name"), "VMI is not started")


def unanswered(end: End, error: OSError) -> Failure:
    """Nobody took the call at the guest's end."""
    if isinstance(error, TimeoutError) and not error.errno:
        return internal_error(f"dialing VM: dial {end}: i/o timeout")
    why = os.strerror(error.errno).lower() if error.errno else str(error)
    return internal_error(f"dialing VM: dial {end}: connect: {why}")
