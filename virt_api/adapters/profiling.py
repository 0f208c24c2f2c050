"""The cluster's profiler: a call of it is passed on to all components, and what they dump is put together."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
from aiohttp import web

from virt_api.adapters.answers import json_answer
from virt_api.adapters.documents import ROOT
from virt_api.adapters.knowledge import Knowledge
from virt_api.plan import discovery
from virt_api.plan.reading import Raw, rows, text
from virt_model import conditions, labels
from virt_runtime.errors import ApiError
from virt_runtime.kube import KubeClient
from virt_runtime.resources import PODS

PROFILED = ("virt-api", "virt-controller", "virt-handler")
COMMANDS = {"start": "start profiler", "stop": "stop profiler", "dump": "dump profiler results"}
PORT = 8443
TIMEOUT = aiohttp.ClientTimeout(total=5.0)


class Profiling:
    def __init__(
        self, kube: KubeClient, session: aiohttp.ClientSession, knowledge: Knowledge, namespace: str, port: int = PORT
    ) -> None:
        self._kube, self._session, self._knowledge = kube, session, knowledge
        self._namespace, self._port = namespace, port

    def add_to(self, app: web.Application) -> None:
        commands = "|".join(COMMANDS)
        for version in discovery.VERSIONS:
            app.router.add_get(f"{ROOT}/{version}/{{command:{commands}}}-cluster-profiler", self._serve)

    async def _serve(self, request: web.Request) -> web.Response:
        command = request.match_info["command"]
        if not self._knowledge.config.cluster_profiler:
            why = f'Unable to {COMMANDS[command]}. "ClusterProfiler" feature gate must be enabled'
            return web.Response(status=403, text=why)
        try:
            pods = await self._pods()
        except ApiError as error:
            why = f"Internal error while looking up component pods for profiling: {error}"
            return web.Response(status=500, text=why)
        if not pods:
            return web.Response(status=500, text="Internal error, no component pods found")
        try:
            found = await asyncio.gather(*(self._call(pod, command) for pod in pods))
        except (OSError, aiohttp.ClientError, ValueError) as error:
            return web.Response(status=500, text=f"Internal error encountered: {error or 'no answer in time'}")
        if command != "dump":
            return web.Response()
        named = {text(pod, "metadata", "name"): result for pod, result in zip(pods, found, strict=True)}
        return json_answer({"componentResults": named})

    async def _pods(self) -> list[Raw]:
        """The components' own, as far as they are ready."""
        found = await self._kube.list(PODS, self._namespace)
        ours = (pod for pod in found if text(pod, "metadata", "labels", labels.ROLE) in PROFILED)
        return [pod for pod in ours if conditions.is_true(rows(pod, "status", "conditions"), conditions.Type.READY)]

    async def _call(self, pod: Raw, command: str) -> Any:
        """What a component dumps. Its certificate is not looked at: it is the same for all pods, and tells nothing."""
        host = text(pod, "status", "podIP")
        url = f"https://{f'[{host}]' if ':' in host else host}:{self._port}/{command}-profiler"
        async with self._session.get(url, ssl=False, timeout=TIMEOUT) as answer:
            if answer.status != 200:
                name = text(pod, "metadata", "name")
                why = f"Encountered [{answer.status}] status code while contacting url [{url}] for pod [{name}]"
                raise ValueError(why)
            return await answer.json() if command == "dump" else None
