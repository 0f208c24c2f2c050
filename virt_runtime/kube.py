"""The Kubernetes API on raw JSON objects: nothing is modelled, so nothing is lost."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from . import access as _access
from .errors import (
    AlreadyExists,
    ApiError,
    Conflict,
    Forbidden,
    Gone,
    Invalid,
    NotFound,
    TooManyRequests,
    Unauthorized,
    Unreachable,
)
from .resources import Json, Resource
from .transport import Observer, Transport
from .watch import WatchEvent, stream

__all__ = [
    "AlreadyExists",
    "ApiError",
    "Conflict",
    "Forbidden",
    "Gone",
    "Invalid",
    "Json",
    "KubeClient",
    "Listing",
    "NotFound",
    "Resource",
    "TooManyRequests",
    "Unauthorized",
    "Unreachable",
    "WatchEvent",
]

PAGE = 500
#: asks for `metadata` alone: `kind` is then PartialObjectMetadata
_METADATA = "application/json;as=PartialObjectMetadata{};g=meta.k8s.io;v=v1"
Objects = list[Json]


@dataclass(frozen=True, kw_only=True)
class Listing:
    items: Objects
    resource_version: str


class KubeClient:
    """`async with KubeClient.connect(kubeconfig, user_agent) as kube`. Every method raises `ApiError`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    @classmethod
    @contextlib.asynccontextmanager
    async def connect(
        cls, kubeconfig: str | None = None, user_agent: str = "podvirt", observe: Observer | None = None
    ) -> AsyncIterator[KubeClient]:
        """A client of `kubeconfig`, or of the cluster that we run in when it is None."""
        async with cls.over(_access.load(kubeconfig), user_agent, observe) as client:
            yield client

    @classmethod
    @contextlib.asynccontextmanager
    async def over(
        cls, access: _access.Access, user_agent: str = "podvirt", observe: Observer | None = None
    ) -> AsyncIterator[KubeClient]:
        transport = Transport(access, user_agent, observe)
        await transport.open()
        try:
            yield cls(transport)
        finally:
            await transport.close()

    @property
    def server(self) -> str:
        return self._transport.access.server

    async def get(self, res: Resource, namespace: str | None, name: str) -> Json:
        return await self._object("GET", res.path(namespace, name))

    async def list(
        self, res: Resource, namespace: str | None = None, label_selector: str = "", field_selector: str = ""
    ) -> Objects:
        return (await self.listing(res, namespace, label_selector, field_selector)).items

    async def listing(
        self,
        res: Resource,
        namespace: str | None = None,
        label_selector: str = "",
        field_selector: str = "",
        metadata_only: bool = False,
    ) -> Listing:
        """All pages, with the resourceVersion to watch from. Each item gets `apiVersion` and `kind`."""
        accept = _accept(metadata_only, "List")
        query = _selectors(label_selector, field_selector) | {"limit": str(PAGE)}
        items: Objects = []
        while True:
            page = await self._object("GET", res.path(namespace), query=query, accept=accept)
            kind = str(page.get("kind", "")).removesuffix("List")
            items += [{"apiVersion": page.get("apiVersion"), "kind": kind, **item} for item in page.get("items") or []]
            metadata = page.get("metadata") or {}
            if not metadata.get("continue"):
                return Listing(items=items, resource_version=metadata.get("resourceVersion", ""))
            query["continue"] = metadata["continue"]

    async def create(
        self, res: Resource, namespace: str | None, body: Json, subresource: str | None = None, dry_run: bool = False
    ) -> Json:
        """POST. With a subresource (`eviction`, `token`, …) the object's name is read from the body."""
        name = body["metadata"]["name"] if subresource else None
        return await self._object("POST", res.path(namespace, name, subresource), query=_dry(dry_run), body=body)

    async def replace(
        self,
        res: Resource,
        namespace: str | None,
        name: str,
        body: Json,
        subresource: str | None = None,
        dry_run: bool = False,
    ) -> Json:
        return await self._object("PUT", res.path(namespace, name, subresource), query=_dry(dry_run), body=body)

    async def json_patch(
        self,
        res: Resource,
        namespace: str | None,
        name: str,
        ops: Objects,
        subresource: str | None = None,
        dry_run: bool = False,
    ) -> Json:
        """Raises Conflict where a test among the operations fails, which the server itself calls Invalid."""
        path = res.path(namespace, name, subresource)
        try:
            return await self._patch("json-patch+json", path, ops, _dry(dry_run))
        except Invalid as error:
            if _a_test_failed(error, ops):
                raise Conflict(409, "Conflict", error.message, error.body) from error
            raise

    async def merge_patch(
        self,
        res: Resource,
        namespace: str | None,
        name: str,
        body: Json,
        subresource: str | None = None,
        dry_run: bool = False,
    ) -> Json:
        return await self._patch("merge-patch+json", res.path(namespace, name, subresource), body, _dry(dry_run))

    async def strategic_patch(
        self, res: Resource, namespace: str | None, name: str, body: Json, subresource: str | None = None
    ) -> Json:
        return await self._patch("strategic-merge-patch+json", res.path(namespace, name, subresource), body, {})

    async def apply(
        self,
        res: Resource,
        namespace: str | None,
        name: str,
        body: Json,
        field_manager: str,
        subresource: str | None = None,
        metadata_only: bool = False,
    ) -> Json:
        """Server-side apply, taking over fields that another manager holds. `metadata_only` is about the answer."""
        query = {"fieldManager": field_manager, "force": "true"}
        path, accept = res.path(namespace, name, subresource), _accept(metadata_only)
        return await self._patch("apply-patch+yaml", path, body, query, accept)

    async def delete(
        self,
        res: Resource,
        namespace: str | None,
        name: str,
        uid: str | None = None,
        resource_version: str | None = None,
        grace_seconds: int | None = None,
        propagation: str | None = None,
    ) -> Json:
        """DELETE; `uid` and `resource_version` are preconditions, `propagation` is Foreground|Background|Orphan."""
        preconditions = {"uid": uid, "resourceVersion": resource_version}
        options: Json = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": {key: value for key, value in preconditions.items() if value} or None,
            "gracePeriodSeconds": grace_seconds,
            "propagationPolicy": propagation,
        }
        body = {key: value for key, value in options.items() if value is not None}
        return await self._object("DELETE", res.path(namespace, name), body=body)

    async def raw(
        self,
        method: str,
        path: str,
        body: Any = None,
        query: dict[str, str] | None = None,
        content_type: str = "application/json",
    ) -> Any:
        """Any path of the API: decoded JSON; where the answer is not JSON, bytes of an image or text."""
        return await self._transport.request(method, path, query=query, body=body, content_type=content_type)

    def watch(
        self,
        res: Resource,
        namespace: str | None = None,
        label_selector: str = "",
        field_selector: str = "",
        resource_version: str = "",
        timeout_seconds: int = 300,
        metadata_only: bool = False,
    ) -> AsyncIterator[WatchEvent]:
        """Changes after `resource_version` (all present objects first when it is ""), until the server closes."""
        query = _selectors(label_selector, field_selector) | {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(timeout_seconds),
        }
        if resource_version:
            query["resourceVersion"] = resource_version
        return stream(self._transport, res.path(namespace), query, timeout_seconds, _accept(metadata_only))

    async def _patch(
        self, kind: str, path: str, body: Any, query: dict[str, str], accept: str = "application/json"
    ) -> Json:
        content_type = f"application/{kind}"
        return await self._object("PATCH", path, query=query, body=body, content_type=content_type, accept=accept)

    async def _object(self, method: str, path: str, **more: Any) -> Json:
        answer: Json = await self._transport.request(method, path, **more)
        return answer


def _a_test_failed(error: Invalid, ops: Objects) -> bool:
    """Whoever finds the patched object invalid says why: a cause, or the name of the webhook."""
    explained = error.body.get("details") or error.message.startswith("admission webhook")
    return not explained and any(op["op"] == "test" for op in ops)


def _accept(metadata_only: bool, suffix: str = "") -> str:
    return _METADATA.format(suffix) if metadata_only else "application/json"


def _selectors(label_selector: str, field_selector: str) -> dict[str, str]:
    named = {"labelSelector": label_selector, "fieldSelector": field_selector}
    return {key: value for key, value in named.items() if value}


def _dry(dry_run: bool) -> dict[str, str]:
    return {"dryRun": "All"} if dry_run else {}
