"""DHCPv4 for exactly one client: bytes in, bytes out. Pure, and bounded: the bytes come from a guest.

Only DISCOVER and REQUEST are answered; whatever does not parse is ignored. Formats: RFC 2131, 2132, 3397 (search
list), 3442 (classless routes), 3396 (long options are split).
"""

from __future__ import annotations

import ipaddress
import struct

from msgspec import Struct

from virt_handler.plan.dhcp_options import LEASE_SECONDS, Lease

SERVER_PORT, CLIENT_PORT = 67, 68
MAX_PACKET = 1500
_MAGIC = b"\x63\x82\x53\x63"
_HEADER = struct.Struct("!BBBBIHH4s4s4s4s16s64s128s4s")
_BOOT_REQUEST, _BOOT_REPLY, _ETHERNET = 1, 2, 1
DISCOVER, OFFER, REQUEST, ACK = 1, 2, 3, 5
_PAD, _END = 0, 255
_MASK, _ROUTER, _DNS, _HOSTNAME, _DOMAIN, _MTU, _NTP = 1, 3, 6, 12, 15, 26, 42
_REQUESTED_ADDRESS, _LEASE_TIME, _MESSAGE_TYPE, _SERVER_ID, _RENEW, _REBIND = 50, 51, 53, 54, 58, 59
_TFTP_SERVER, _BOOT_FILE, _SEARCH, _CLASSLESS_ROUTES = 66, 67, 119, 121
_OPTION_LENGTH = 255


class Request(Struct, frozen=True, kw_only=True):
    """What matters of a client's message."""

    kind: int
    transaction: int
    flags: int
    mac: str
    hardware: bytes
    relay: bytes
    server: str


def parse(packet: bytes) -> Request | None:
    """The client's message, or None for anything else."""
    if not _HEADER.size <= len(packet) <= MAX_PACKET:
        return None
    fields = _HEADER.unpack_from(packet)
    operation, hardware_type, length, _hops, transaction, _seconds, flags = fields[:7]
    if (operation, hardware_type, length) != (_BOOT_REQUEST, _ETHERNET, 6) or fields[14] != _MAGIC:
        return None
    options = _options(packet[_HEADER.size :])
    kind = options.get(_MESSAGE_TYPE, b"")
    if len(kind) != 1:
        return None
    server = options.get(_SERVER_ID, b"")
    return Request(
        kind=kind[0], transaction=transaction, flags=flags, mac=fields[11][:6].hex(":"), hardware=fields[11],
        relay=fields[10], server=str(ipaddress.IPv4Address(server)) if len(server) == 4 else "",
    )  # fmt: skip


def _options(data: bytes) -> dict[int, bytes]:
    """Options by code; what a broken length cuts off is left out."""
    found: dict[int, bytes] = {}
    at = 0
    while at < len(data):
        code = data[at]
        if code == _END:
            break
        if code == _PAD:
            at += 1
            continue
        if at + 1 >= len(data) or at + 2 + data[at + 1] > len(data):
            break
        end = at + 2 + data[at + 1]
        found[code] = found.get(code, b"") + data[at + 2 : end]
        at = end
    return found


def answer(packet: bytes, lease: Lease) -> bytes | None:
    """The reply to a client's packet, or None when there is nothing to say to it."""
    request = parse(packet)
    if request is None or not lease.address or (lease.mac and request.mac != lease.mac):
        return None
    if request.kind == DISCOVER:
        return reply(request, lease, OFFER)
    if request.kind == REQUEST and request.server in ("", lease.server):
        return reply(request, lease, ACK)
    return None


def reply(request: Request, lease: Lease, kind: int) -> bytes:
    """An OFFER or ACK, with every option whether asked for or not."""
    address = ipaddress.IPv4Address(lease.address).packed
    server = ipaddress.IPv4Address(lease.server).packed
    header = _HEADER.pack(
        _BOOT_REPLY, _ETHERNET, 6, 0, request.transaction, 0, request.flags, bytes(4), address, server, request.relay,
        request.hardware, bytes(64), lease.boot_file.encode()[:127], _MAGIC,
    )  # fmt: skip
    body = b"".join(_encoded(code, value) for code, value in _reply_options(lease, kind, server))
    return header + body + bytes([_END])


def _reply_options(lease: Lease, kind: int, server: bytes) -> list[tuple[int, bytes]]:
    mask = ipaddress.IPv4Network(f"0.0.0.0/{lease.prefix}").netmask.packed
    seconds = struct.pack("!I", LEASE_SECONDS)
    options = [
        (_MESSAGE_TYPE, bytes([kind])),
        (_SERVER_ID, server),
        (_LEASE_TIME, seconds),
        (_RENEW, struct.pack("!I", LEASE_SECONDS // 2)),
        (_REBIND, struct.pack("!I", LEASE_SECONDS * 7 // 8)),
        (_MASK, mask),
        (_ROUTER, _packed(lease.router)),
        (_DNS, b"".join(_packed(each) for each in lease.nameservers)),
        (_HOSTNAME, lease.hostname.encode()),
        (_DOMAIN, lease.domain.encode()),
        (_MTU, struct.pack("!H", lease.mtu)),
        (_NTP, b"".join(_packed(each) for each in lease.ntp_servers)),
        (_TFTP_SERVER, lease.boot_server.encode()),
        (_BOOT_FILE, lease.boot_file.encode()),
        (_SEARCH, domain_names(lease.search)),
        (_CLASSLESS_ROUTES, _classless(lease)),
        *((code, value.encode()) for code, value in lease.private),
    ]
    return [(code, value) for code, value in options if value]


def _packed(address: str) -> bytes:
    return ipaddress.IPv4Address(address).packed if address else b""


def _encoded(code: int, value: bytes) -> bytes:
    parts = [value[at : at + _OPTION_LENGTH] for at in range(0, len(value), _OPTION_LENGTH)]
    return b"".join(bytes([code, len(part)]) + part for part in parts)


def domain_names(names: tuple[str, ...]) -> bytes:
    """Names in DNS wire form without compression; a name that DNS cannot carry is left out."""
    encoded = []
    for name in names:
        labels = [label.encode() for label in name.strip(".").split(".")]
        if all(0 < len(label) < 64 for label in labels) and sum(len(label) + 1 for label in labels) < 255:
            encoded.append(b"".join(bytes([len(label)]) + label for label in labels) + b"\0")
    return b"".join(encoded)


def _classless(lease: Lease) -> bytes:
    encoded = []
    for destination, gateway in lease.routes:
        network = ipaddress.IPv4Network(destination, strict=False)
        significant = network.network_address.packed[: (network.prefixlen + 7) // 8]
        encoded.append(bytes([network.prefixlen]) + significant + (_packed(gateway) or bytes(4)))
    return b"".join(encoded)
