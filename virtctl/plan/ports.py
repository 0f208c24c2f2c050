"""Which ports to forward: `8080`, `8080:80`, `udp/5353:53`."""

from __future__ import annotations

import msgspec

from virtctl.failure import CommandFailed

PROTOCOLS = ("tcp", "udp")
LAST_PORT = 65535


class Forward(msgspec.Struct, frozen=True, kw_only=True):
    """`local` is 0 for any that is free."""

    protocol: str
    local: int
    remote: int


def forward(text: str) -> Forward:
    """Raises CommandFailed."""
    before, slash, behind = text.partition("/")
    protocol, ports = (before, behind) if slash else ("tcp", text)
    if protocol not in PROTOCOLS:
        raise CommandFailed(f"unknown protocol: {protocol}")
    numbers = [_number(part) for part in ports.split(":") if part]
    if not numbers:
        raise CommandFailed("invalid port, missing local and/or remote port")
    return Forward(protocol=protocol, local=numbers[0], remote=numbers[min(1, len(numbers) - 1)])


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise CommandFailed(f'strconv.Atoi: parsing "{text}": invalid syntax')
    number = int(text[:6])
    if number > LAST_PORT:
        raise CommandFailed(f"invalid port {text}: the last one is {LAST_PORT}")
    return number
