"""What the aggregated API tells everybody: discovery, its version, its health."""

from __future__ import annotations

import platform
import sys
from typing import Any

from aiohttp import web

from virt_api.adapters.answers import Handler, json_answer
from virt_api.adapters.knowledge import Knowledge
from virt_api.plan import discovery
from virt_model.version import VERSION, version_info
from virt_runtime.errors import ApiError
from virt_runtime.kube import KubeClient

ROOT = f"/apis/{discovery.GROUP}"
GUESTFS = {"registry": "", "tag": VERSION, "digest": "", "imagePrefix": "", "gsImage": ""}


class Documents:
    def __init__(self, kube: KubeClient, knowledge: Knowledge) -> None:
        self._kube, self._knowledge = kube, knowledge

    def add_to(self, app: web.Application) -> None:
        documents = {
            "/": discovery.paths(),
            "/apis": discovery.api_groups(),
            "/apis/": discovery.api_groups(),
            ROOT: discovery.api_group(),
            "/openapi/v2": discovery.openapi_v2(),
            "/openapi/v3": discovery.openapi_v3_index(),
        }
        for version in discovery.VERSIONS:
            documents[f"{ROOT}/{version}"] = discovery.api_resources(version)
            documents[f"/openapi/v3{ROOT}/{version}"] = discovery.openapi_v3()
            documents[f"{ROOT}/{version}/version"] = version_info(
                platform.python_version(), sys.platform, platform.machine()
            )
            documents[f"{ROOT}/{version}/guestfs"] = GUESTFS
            app.router.add_get(f"{ROOT}/{version}/healthz", self._show_health)
        for path, document in documents.items():
            app.router.add_get(path, _showing(document))

    async def _show_health(self, _request: web.Request) -> web.Response:
        try:
            version: Any = await self._kube.raw("GET", "/version")
        except ApiError as error:
            return json_answer({"apiserver": {"connectivity": "failed", "error": str(error)}}, 500)
        reached = {"connectivity": "ok", "version": version}
        return json_answer({"apiserver": reached, "config-resource-version": self._knowledge.config_version})


def _showing(document: dict[str, Any]) -> Handler:
    async def show(_request: web.Request) -> web.Response:
        return json_answer(document)

    return show
