"""What the pod that a guest has left says to the connections that are still open through it. Pure.

They cannot live on: they were made with this pod's address, which goes with the pod, and nobody would tell the other
side, which may wait for a quarter of an hour. A reset must bear the numbers of its connection, and here nobody knows
them. So each peer gets a segment that opens a connection, with the addresses of the open one: TCP answers such a
segment with what it expects next (RFC 5961), and the pod's network answers everything that is for the guest with a
reset made from that. A segment that opens is let through by connection tracking on the way, one out of sequence is not.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterable
from typing import Any, Final

from msgspec import Struct

Json = dict[str, Any]
TABLE: Final = "podvirt_farewell"
MARK: Final = 0x70760001
"""Of what we send: connection tracking here is to leave it alone."""
_TCP: Final = 6
_SYN, _ACK = 0x02, 0x10
_HEADER: Final = struct.Struct("!HHIIBBHHH")
_WORDS: Final = 5


class Way(Struct, frozen=True):
    """From whom to whom packets of one direction go."""

    source: str
    source_port: int
    target: str
    target_port: int


class Flow(Struct, frozen=True):
    """A TCP connection as the pod's connection tracking knows it: as it was opened, and how answers come."""

    opened: Way
    answers: Way


class Segment(Struct, frozen=True):
    """A bare TCP segment and the addresses it goes between."""

    source: str
    target: str
    data: bytes


def rules() -> Json:
    """A libnftables transaction: what would go to the guest is reset, and our own segments are not tracked."""
    mark = {"match": {"op": "==", "left": {"meta": {"key": "mark"}}, "right": MARK}}
    tcp = {"match": {"op": "==", "left": {"meta": {"key": "l4proto"}}, "right": "tcp"}}
    chains = (
        ("output", "output", -300, [mark, {"notrack": None}]),
        ("forward", "forward", 0, [tcp, {"reject": {"type": "tcp reset"}}]),
    )
    table = {"family": "inet", "name": TABLE}
    commands: list[Json] = [{"add": {"table": table}}, {"flush": {"table": table}}]
    for name, hook, priority, expressions in chains:
        chain = {"family": "inet", "table": TABLE, "name": name}
        base = {"type": "filter", "hook": hook, "prio": priority, "policy": "accept"}
        commands += [{"add": {"chain": {**chain, **base}}}]
        commands += [{"add": {"rule": {"family": "inet", "table": TABLE, "chain": name, "expr": expressions}}}]
    return {"nftables": commands}


def segments(flows: Iterable[Flow]) -> list[Segment]:
    """One for each connection between the guest and somebody outside the pod."""
    return [made for flow in flows if (made := _segment(flow)) is not None]


def _segment(flow: Flow) -> Segment | None:
    opened, answers = flow.opened, flow.answers
    if answers.source != opened.target:  # it came in, and was passed on to the guest
        return _made(opened.target, opened.target_port, opened.source, opened.source_port, _SYN | _ACK)
    if answers.target != opened.source:  # the guest opened it, behind the pod's address
        return _made(answers.target, answers.target_port, opened.target, opened.target_port, _SYN)
    return None


def _made(source: str, source_port: int, target: str, target_port: int, flags: int) -> Segment:
    head = _HEADER.pack(source_port, target_port, 1, 1, _WORDS << 4, flags, 1024, 0, 0)
    ends = ipaddress.ip_address(source).packed + ipaddress.ip_address(target).packed
    checksum = _checksum(ends + struct.pack("!HH", _TCP, len(head)) + head)
    return Segment(source, target, head[:16] + struct.pack("!H", checksum) + head[18:])


def _checksum(data: bytes) -> int:
    """Of an even number of bytes."""
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total >> 16) + (total & 0xFFFF)
    return ~total & 0xFFFF
