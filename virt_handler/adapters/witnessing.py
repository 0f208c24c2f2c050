"""This agent as a witness: who may ask it what, and the file in which it keeps whom it has called lost.

PUT /v1/nodes/{node}/leases/{term}: that node's agent asks to be remembered; 409 where it has been called lost.
POST /v1/nodes/{node}/leases/{term}/lost?seconds=30: virt-controller asks whether the node is lost; JSON
`{"lost": false, "silentSeconds": 3.2}`. What is decided is in `plan.witness`.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from pathlib import Path

import msgspec
from aiohttp import web

from virt_handler.adapters.caller import common_name, dns_names
from virt_handler.adapters.lease_keeper import boottime
from virt_handler.plan import witness
from virt_handler.plan.witness import Witness
from virt_model.names import CONTROLLER_CLIENT

LOG = logging.getLogger(__name__)


class Witnessing:
    """`file` must outlive the machine's restart: its word is kept there before it is given."""

    def __init__(self, file: Path, now: Callable[[], float] = boottime) -> None:
        self._file, self._now = file, now
        lost = _read(file)
        self._mute = lost is None
        self._state = Witness(since=now(), lost=lost or ())
        self._writing = asyncio.Lock()

    def remember(self, node: str, term: int) -> bool:
        """Whether that node will not be called lost for a lease from now on."""
        if self._mute:
            return False
        self._state, remembered = witness.asked(self._state, node, term, self._now())
        return remembered

    async def is_lost(self, node: str, term: int, seconds: float) -> tuple[bool, float]:
        """Whether a node is lost, and for how long nothing was heard of it. Raises OSError."""
        now = self._now()
        if self._mute:
            return False, witness.silent_for(self._state, node, now)
        async with self._writing:
            before = self._state
            after, lost = witness.is_lost(before, node, term, seconds, now)
            if after.lost != before.lost:
                self._state = after  # from here on it is not answered any more, also while this is written
                await asyncio.to_thread(_write, self._file, after.lost)
        return lost, witness.silent_for(after, node, now)


def add_routes(app: web.Application, witnessing: Witnessing, name_of: Callable[[str], str]) -> None:
    """`name_of(node)` is what that node's agent has in its certificate."""

    async def remember(request: web.Request) -> web.Response:
        node, term = request.match_info["node"], int(request.match_info["term"])
        if name_of(node) not in dns_names(request):
            return web.Response(status=403, text="only that node's agent may ask for it\n")
        if not witnessing.remember(node, term):
            return web.Response(status=409, text=f"node {node} has been called lost: it must renew its lease first\n")
        return web.Response(status=200)

    async def judge(request: web.Request) -> web.Response:
        node, term = request.match_info["node"], int(request.match_info["term"])
        if common_name(request) != CONTROLLER_CLIENT:
            return web.Response(status=403, text="only virt-controller may ask\n")
        try:
            seconds = float(request.query["seconds"])
        except (KeyError, ValueError):
            return web.Response(status=400, text="seconds: how long the lease lasts\n")
        try:
            lost, silent = await witnessing.is_lost(node, term, seconds)
        except OSError as error:
            LOG.error("cannot keep that node %s is lost: %s", node, error)
            return web.Response(status=500, text="cannot keep the answer\n")
        if lost:
            LOG.warning("node %s is lost: nothing heard of it for %.0f s", node, silent)
        return web.json_response({"lost": lost, "silentSeconds": round(silent, 1)})

    one = "/v1/nodes/{node}/leases/{term:[0-9]{1,15}}"
    app.router.add_put(one, remember)
    app.router.add_post(f"{one}/lost", judge)


def _read(file: Path) -> tuple[tuple[str, int], ...] | None:
    """None where it is not what we wrote: who has forgotten its word must not give another."""
    try:
        return tuple(sorted(msgspec.json.decode(file.read_bytes(), type=dict[str, int]).items()))
    except FileNotFoundError:
        return ()
    except (OSError, msgspec.MsgspecError) as error:
        LOG.error("this agent is no witness, for it does not know which nodes it has called lost: %s", error)
        return None


def _write(file: Path, lost: tuple[tuple[str, int], ...]) -> None:
    fresh = file.with_name(f".{file.name}.new")
    with open(fresh, "wb") as out:
        out.write(msgspec.json.encode(dict(lost)))
        out.flush()
        os.fsync(out.fileno())
    os.replace(fresh, file)
    directory = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
