"""The virt-handlers of the nodes, as virt-api calls them: found by the node's name, known by their certificate."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import aiohttp

from virt_api.plan.handler import address_of, refused_action, refused_stream, url_of
from virt_api.plan.reading import Raw, text
from virt_api.plan.status import CallFailed, internal_error
from virt_api.plan.stream import SUBPROTOCOL
from virt_model import labels, names
from virt_model.names import handler_server_name
from virt_runtime.kube import KubeClient
from virt_runtime.resources import PODS
from virt_runtime.tls import ClientContexts

LONGEST_MESSAGE = 1 << 20  # bytes
LONGEST_ANSWER = 4 << 20  # bytes
LONGEST_WORDS = 2048  # bytes that are read of why a handler refuses
DIAL_TIMEOUT = 10.0  # seconds
CALL_TIMEOUT = 70.0  # seconds; the handler gives a launcher 60
FAREWELL_TIMEOUT = 2.0  # seconds that a side which was told goodbye may take to say it back


class HandlerAway(Exception):
    """The handler of a node cannot be reached now; it may just be starting anew."""


class Handlers:
    """`tls` is what handlers know us by; `namespace` is where they run; `port` is where they listen."""

    def __init__(
        self, kube: KubeClient, session: aiohttp.ClientSession, tls: ClientContexts, namespace: str, port: int
    ) -> None:
        self._kube, self._session, self._tls = kube, session, tls
        self._namespace, self._port = namespace, port

    async def dial(self, vmi: Raw, stream: str, query: dict[str, str]) -> aiohttp.ClientWebSocketResponse:
        """Open a stream (`console`, `vnc`) of a VMI. Raises HandlerAway, and CallFailed where it is refused."""
        node = text(vmi, "status", "nodeName")
        url = await self._url(node, vmi, stream)
        try:
            async with asyncio.timeout(DIAL_TIMEOUT):
                return await self._session.ws_connect(
                    url,
                    params=query,
                    protocols=(SUBPROTOCOL,),
                    ssl=self._tls.context(),
                    server_hostname=handler_server_name(node, self._namespace),
                    max_msg_size=LONGEST_MESSAGE,
                    timeout=aiohttp.ClientWSTimeout(ws_close=FAREWELL_TIMEOUT),
                )
        except aiohttp.WSServerHandshakeError as error:
            info = error.headers.get(names.REFUSAL_HEADER, "") if error.headers else ""
            raise CallFailed(refused_stream(error.status, info)) from error
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise HandlerAway(f"cannot reach virt-handler on node {node}: {error}") from error

    async def put(self, vmi: Raw, action: str, query: Mapping[str, str]) -> None:
        """Have an action done to a guest that runs. Raises CallFailed: nobody knows then whether it was done."""
        await self._call("PUT", vmi, action, query)

    async def get(self, vmi: Raw, question: str) -> bytes:
        """What a guest that runs says, as JSON. Raises CallFailed."""
        return await self._call("GET", vmi, question, {})

    async def _call(self, method: str, vmi: Raw, what: str, query: Mapping[str, str]) -> bytes:
        node = text(vmi, "status", "nodeName")
        try:
            async with self._session.request(
                method,
                await self._url(node, vmi, what),
                params=query,
                ssl=self._tls.context(),
                server_hostname=handler_server_name(node, self._namespace),
                timeout=aiohttp.ClientTimeout(total=CALL_TIMEOUT, sock_connect=DIAL_TIMEOUT),
            ) as answer:
                if answer.status != 200:
                    words = await answer.content.read(LONGEST_WORDS)
                    raise CallFailed(refused_action(answer.status, words.decode(errors="replace").strip()))
                return await _whole(answer.content)
        except HandlerAway as away:
            raise CallFailed(internal_error(str(away))) from away
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            why = str(error) or "no answer in time"
            raise CallFailed(internal_error(f"cannot reach virt-handler on node {node}: {why}")) from error

    async def _url(self, node: str, vmi: Raw, action: str) -> str:
        pods = await self._kube.list(
            PODS, self._namespace, f"{labels.ROLE}={labels.ROLE_HANDLER}", field_selector=f"spec.nodeName={node}"
        )
        address = address_of(pods)
        if address is None:
            raise HandlerAway(f"no virt-handler is ready on node {node}")
        namespace, name = text(vmi, "metadata", "namespace"), text(vmi, "metadata", "name")
        return url_of(address, self._port, namespace, name, action)


async def _whole(content: aiohttp.StreamReader) -> bytes:
    """All of an answer. Raises CallFailed where it is longer than a handler's answers are."""
    answer = bytearray()
    async for part in content.iter_any():
        answer += part
        if len(answer) > LONGEST_ANSWER:
            raise CallFailed(internal_error(f"virt-handler answers with more than {LONGEST_ANSWER} bytes"))
    return bytes(answer)
