"""The agents of other nodes, asked whether one is lost. They know us by our certificate, and we know them by theirs."""

from __future__ import annotations

import asyncio
import logging

import aiohttp

from virt_model import labels
from virt_model.name_forms import authority
from virt_model.names import handler_server_name
from virt_model.node_lease import NodeLease
from virt_model.seen import Pod
from virt_runtime.kube import KubeClient
from virt_runtime.resources import PODS
from virt_runtime.tls import ClientContexts

LOG = logging.getLogger(__name__)
PATIENCE = 3.0
"""Seconds that they have to answer."""


class WitnessCalls:
    """`namespace` is where agents run, `port` where they listen."""

    def __init__(self, kube: KubeClient, tls: ClientContexts, namespace: str, port: int) -> None:
        self._kube, self._tls, self._namespace, self._port = kube, tls, namespace, port

    async def call_lost(self, lease: NodeLease) -> frozenset[str]:
        """The witnesses of a lease that call its node lost in its term. Raises ApiError."""
        found = await self._kube.list(PODS, self._namespace, f"{labels.ROLE}={labels.ROLE_HANDLER}")
        pods = [pod for pod in map(Pod, found) if pod.node in lease.witnesses and pod.status.get("podIP")]
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PATIENCE)) as session:
            answers = await asyncio.gather(*(self._ask(session, pod, lease) for pod in pods))
        return frozenset(pod.node for pod, lost in zip(pods, answers, strict=True) if lost)

    async def _ask(self, session: aiohttp.ClientSession, pod: Pod, lease: NodeLease) -> bool:
        at = authority(str(pod.status["podIP"]), self._port)
        url = f"https://{at}/v1/nodes/{lease.node}/leases/{lease.term}/lost"
        name = handler_server_name(pod.node, self._namespace)
        try:
            async with session.post(
                url, params={"seconds": str(lease.seconds)}, ssl=self._tls.context(), server_hostname=name
            ) as answer:
                said = await answer.json() if answer.status == 200 else {}
                return said.get("lost") is True
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            why = str(error) or "no answer in time"
            LOG.warning("the agent of node %s does not say whether %s is lost: %s", pod.node, lease.node, why)
            return False
