"""DHCPv6 for a masqueraded guest: bytes in, bytes out. Pure, and bounded: the bytes come from a guest.

SOLICIT is answered by ADVERTISE (by REPLY when the client offers rapid commit), other questions by REPLY. One address,
no prefixes; no router advertisements are sent, as in KubeVirt. Format: RFC 8415.
"""

from __future__ import annotations

import ipaddress
import struct

from virt_handler.plan.dhcp4 import MAX_PACKET, domain_names
from virt_handler.plan.dhcp_options import LEASE_SECONDS, Lease

SERVER_PORT, CLIENT_PORT = 547, 546
SOLICIT, ADVERTISE, REQUEST, CONFIRM, RENEW, REBIND, REPLY = 1, 2, 3, 4, 5, 6, 7
RELEASE, DECLINE, INFORMATION = 8, 9, 11
_CLIENT_ID, _SERVER_ID, _IA_NA, _IA_ADDRESS, _RAPID_COMMIT, _DNS, _SEARCH = 1, 2, 3, 5, 14, 23, 24
_ASKING = frozenset({SOLICIT, REQUEST, CONFIRM, RENEW, REBIND, RELEASE, DECLINE, INFORMATION})
_MAX_DUID = 130
_LINK_LAYER_DUID, _ETHERNET = 3, 1


def answer(packet: bytes, lease: Lease) -> bytes | None:
    """The reply to a client's packet, or None when there is nothing to say to it."""
    if not lease.address6 or not 4 <= len(packet) <= MAX_PACKET or packet[0] not in _ASKING:
        return None
    options = _options(packet[4:])
    client = options.get(_CLIENT_ID, b"")
    if not 3 <= len(client) <= _MAX_DUID:
        return None
    server = server_duid(lease.server_mac)
    if options.get(_SERVER_ID, server) != server:
        return None
    rapid = _RAPID_COMMIT in options and packet[0] == SOLICIT
    kind = ADVERTISE if packet[0] == SOLICIT and not rapid else REPLY
    body = _option(_CLIENT_ID, client) + _option(_SERVER_ID, server)
    body += _option(_RAPID_COMMIT, b"") if rapid else b""
    association = options.get(_IA_NA, b"")
    if len(association) >= 12 and packet[0] not in (INFORMATION, RELEASE, DECLINE):
        body += _association(association[:4], lease)
    if lease.nameservers6:
        body += _option(_DNS, b"".join(ipaddress.IPv6Address(each).packed for each in lease.nameservers6))
    search = domain_names(lease.search)
    body += _option(_SEARCH, search) if search else b""
    return bytes([kind]) + packet[1:4] + body


def server_duid(mac: str) -> bytes:
    """DUID-LL of our end of the wire."""
    return struct.pack("!HH", _LINK_LAYER_DUID, _ETHERNET) + bytes.fromhex(mac.replace(":", ""))


def _association(identity: bytes, lease: Lease) -> bytes:
    times = struct.pack("!II", LEASE_SECONDS, LEASE_SECONDS)
    address = _option(_IA_ADDRESS, ipaddress.IPv6Address(lease.address6).packed + times)
    renew_and_rebind = struct.pack("!II", LEASE_SECONDS // 2, LEASE_SECONDS * 7 // 8)
    return _option(_IA_NA, identity + renew_and_rebind + address)


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("!HH", code, len(value)) + value


def _options(data: bytes) -> dict[int, bytes]:
    """The first option of each code; what a broken length cuts off is left out."""
    found: dict[int, bytes] = {}
    at = 0
    while at + 4 <= len(data):
        code, length = struct.unpack_from("!HH", data, at)
        if at + 4 + length > len(data):
            break
        found.setdefault(code, data[at + 4 : at + 4 + length])
        at += 4 + length
    return found
