"""The witness over real mutual TLS: who may ask it what, and what it still knows after its end."""

from __future__ import annotations

import contextlib
import json
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import trustme
from aiohttp import web

from virt_handler.adapters import witnessing
from virt_handler.adapters.witnessing import Witnessing
from virt_model.names import CONTROLLER_CLIENT, handler_server_name
from virt_runtime.serve import serving
from virt_runtime.tls import Pair, ServingCertificate


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class Callers:
    """Calls as this or that one, to a witness on node n1."""

    def __init__(self, authority: trustme.CA, url: str) -> None:
        self._authority, self._url = authority, url

    async def remember(self, term: int, as_node: str = "n2") -> int:
        name = handler_server_name(as_node, "kubevirt")
        return (await self._call("PUT", f"{term}", self._authority.issue_cert(name, common_name="an agent")))[0]

    async def lost(self, term: int, seconds: str = "30", common_name: str = CONTROLLER_CLIENT) -> tuple[int, str]:
        issued = self._authority.issue_cert("controller", common_name=common_name)
        return await self._call("POST", f"{term}/lost?seconds={seconds}", issued)

    async def _call(self, method: str, path: str, issued: trustme.LeafCert) -> tuple[int, str]:
        context = ssl.create_default_context(cadata=self._authority.cert_pem.bytes().decode())
        issued.configure_cert(context)
        url = f"{self._url}/v1/nodes/n2/leases/{path}"
        name = handler_server_name("n1", "kubevirt")
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, url, ssl=context, server_hostname=name) as answer,
        ):
            return answer.status, await answer.text()


@contextlib.asynccontextmanager
async def witness(authority: trustme.CA, file: Path, clock: Clock) -> AsyncIterator[Callers]:
    own = authority.issue_cert(handler_server_name("n1", "kubevirt"))
    pair = Pair(certificate=own.cert_chain_pems[0].bytes(), key=own.private_key_pem.bytes())
    tls = ServingCertificate(lambda: pair, authority.cert_pem.bytes, clients_required=True)
    app = web.Application()
    witnessing.add_routes(app, Witnessing(file, clock), lambda node: handler_server_name(node, "kubevirt"))
    async with serving(app, 0, tls.context(), host="127.0.0.1") as port:
        yield Callers(authority, f"https://127.0.0.1:{port}")


async def test_it_answers_a_node_or_calls_it_lost_never_both(tmp_path: Path) -> None:
    authority, clock, file = trustme.CA(), Clock(), tmp_path / "lost.json"
    async with witness(authority, file, clock) as callers:
        assert await callers.remember(7) == 200
        clock.now += 29
        assert json.loads((await callers.lost(7))[1]) == {"lost": False, "silentSeconds": 29.0}
        clock.now += 2
        assert json.loads((await callers.lost(7))[1])["lost"] is True
        assert await callers.remember(7) == 409, "it has been called lost in this term"
    clock.now += 3
    async with witness(authority, file, clock) as callers:
        assert await callers.remember(7) == 409, "that outlives the agent"
        assert json.loads((await callers.lost(7))[1])["lost"] is False, "a new agent may have missed a word"
        assert await callers.remember(8) == 200, "the node has renewed its lease since"


async def test_everybody_asks_for_himself(tmp_path: Path) -> None:
    async with witness(trustme.CA(), tmp_path / "lost.json", Clock()) as callers:
        assert await callers.remember(7, as_node="n3") == 403
        assert (await callers.lost(7, common_name="kubevirt.io:system:client:virt-handler"))[0] == 403
        assert (await callers.lost(7, seconds="soon"))[0] == 400


async def test_who_has_forgotten_its_word_gives_no_other(tmp_path: Path) -> None:
    file, clock = tmp_path / "lost.json", Clock()
    file.write_text("[")
    async with witness(trustme.CA(), file, clock) as callers:
        clock.now += 600
        assert await callers.remember(7) == 409
        assert json.loads((await callers.lost(7))[1])["lost"] is False
