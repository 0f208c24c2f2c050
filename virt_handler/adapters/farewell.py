"""Reset the connections of a guest that has left the pod; why and how is in `plan.farewell`."""

from __future__ import annotations

import asyncio
import os
import socket
from typing import Final

from virt_handler.adapters import netns, nft
from virt_handler.adapters.conntrack import open_flows
from virt_handler.plan import farewell

MOST: Final = 10_000
"""Connections; who has more loses the rest later."""


ROUNDS, PAUSE_SECONDS = 2, 0.6
"""A peer answers a stray segment at most twice a second."""


async def say_in_pod(socket_path: str) -> int:
    """In the network of the launcher that listens there; how many were told. Raises OSError."""
    door = await asyncio.to_thread(netns.open_door, socket_path)
    try:
        return await say_in(door.namespace)
    finally:
        os.close(door.namespace)


async def say_in(namespace: int) -> int:
    told = await netns.run_inside(namespace, _say)
    for _ in range(ROUNDS - 1):
        if told:
            await asyncio.sleep(PAUSE_SECONDS)
            await netns.run_inside(namespace, _say)
    return told


def _say() -> int:
    nft.apply(farewell.rules())
    segments = farewell.segments(open_flows()[:MOST])
    for segment in segments:
        _send(segment)
    return len(segments)


def _send(segment: farewell.Segment) -> None:
    family = socket.AF_INET6 if ":" in segment.source else socket.AF_INET
    with socket.socket(family, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.IPPROTO_TCP) as raw:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, farewell.MARK)
        raw.bind((segment.source, 0))
        raw.sendto(segment.data, (segment.target, 0))
