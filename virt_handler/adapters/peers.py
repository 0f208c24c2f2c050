"""The agents of other nodes: where they are, and one question to each. They are known by their certificates."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable

import aiohttp

from virt_model import labels
from virt_model.name_forms import authority
from virt_model.seen import Pod
from virt_runtime.kube import KubeClient
from virt_runtime.reflector import Reflector
from virt_runtime.resources import PODS
from virt_runtime.store import Store

LOG = logging.getLogger(__name__)


class Peers:
    """`name_of(node)` is what an agent's certificate must carry; `tls` is what they know us by."""

    def __init__(
        self, kube: KubeClient, *, node: str, namespace: str, port: int, name_of: Callable[[str], str],
        tls: Callable[[], ssl.SSLContext],
    ) -> None:  # fmt: skip
        self._node, self._port, self._name_of, self._tls = node, port, name_of, tls
        self._pods = Store()
        self._watch = Reflector(
            kube, PODS, self._pods, namespace, label_selector=f"{labels.ROLE}={labels.ROLE_HANDLER}"
        )

    async def run(self) -> None:
        """Follow where they are, until cancelled: once the API is away it is too late to ask."""
        await self._watch.run()

    async def known(self) -> frozenset[str]:
        """The nodes that have an agent; waits for the first look."""
        await self._pods.synced.wait()
        return frozenset(pod.node for pod in map(Pod, self._pods.list()) if pod.node)

    async def ask_all(self, nodes: tuple[str, ...], term: int, seconds: float) -> tuple[str, ...]:
        """Those that answer in so many seconds that they remember us, with our lease of that term."""
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=seconds)) as session:
            answers = await asyncio.gather(*(self._ask(session, node, term) for node in nodes))
        return tuple(node for node, answer in zip(nodes, answers, strict=True) if answer)

    async def _ask(self, session: aiohttp.ClientSession, node: str, term: int) -> bool:
        for address in self._addresses(node):
            url = f"https://{authority(address, self._port)}/v1/nodes/{self._node}/leases/{term}"
            try:
                async with session.put(url, ssl=self._tls(), server_hostname=self._name_of(node)) as answer:
                    if answer.status == 200:
                        return True
                    LOG.warning("node %s does not vouch for this one: %s", node, (await answer.text())[:200].strip())
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                LOG.warning("the agent of node %s is not reached: %s", node, str(error) or "no answer in time")
        return False

    def _addresses(self, node: str) -> list[str]:
        """Of a node's agent; while it is replaced there may be two."""
        found = (Pod(raw) for raw in self._pods.list())
        return [pod.status["podIP"] for pod in found if pod.node == node and pod.status.get("podIP")]
