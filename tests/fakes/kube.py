"""A small Kubernetes API in memory, spoken over real HTTP: enough for clients, caches and controllers.

Any resource can be listed, watched, created, read, replaced, patched (JSON, merge; strategic and apply as merge) and
deleted, with resourceVersions, conflicts, preconditions, generateName, finalizers and the status subresource.
Faults on demand: `refuse`, `close_watches`, `compact`. Its behaviour is pinned by contract tests that also run on a
real API server.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import secrets
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import jsonpatch
import msgspec
from aiohttp import web

from virt_runtime.access import Access
from virt_runtime.kube import KubeClient

Json = dict[str, Any]
KINDS = {
    "pods": "Pod",
    "configmaps": "ConfigMap",
    "secrets": "Secret",
    "events": "Event",
    "leases": "Lease",
    "nodes": "Node",
    "virtualmachines": "VirtualMachine",
    "virtualmachineinstances": "VirtualMachineInstance",
    "virtualmachineinstancereplicasets": "VirtualMachineInstanceReplicaSet",
    "kubevirts": "KubeVirt",
    "serviceaccounts": "ServiceAccount",
    "services": "Service",
    "deployments": "Deployment",
    "daemonsets": "DaemonSet",
    "poddisruptionbudgets": "PodDisruptionBudget",
    "roles": "Role",
    "rolebindings": "RoleBinding",
    "clusterroles": "ClusterRole",
    "clusterrolebindings": "ClusterRoleBinding",
    "apiservices": "APIService",
    "mutatingwebhookconfigurations": "MutatingWebhookConfiguration",
    "validatingwebhookconfigurations": "ValidatingWebhookConfiguration",
    "validatingadmissionpolicies": "ValidatingAdmissionPolicy",
    "validatingadmissionpolicybindings": "ValidatingAdmissionPolicyBinding",
    "customresourcedefinitions": "CustomResourceDefinition",
    "certificatesigningrequests": "CertificateSigningRequest",
    "prometheusrules": "PrometheusRule",
    "servicemonitors": "ServiceMonitor",
}


class Refused(Exception):
    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status, self.reason = status, reason


@dataclass(frozen=True)
class Target:
    """What a request path is about; `collection` is the path without namespace and name."""

    collection: str
    version: str
    plural: str
    namespace: str | None
    name: str | None
    subresource: str | None

    @classmethod
    def of(cls, path: str) -> Target:
        parts = path.strip("/").split("/")
        group_parts = 2 if parts[0] == "api" else 3
        version = "/".join(parts[1:group_parts])
        rest = parts[group_parts:]
        namespace = None
        if rest[0] == "namespaces" and len(rest) > 2:
            namespace, rest = rest[1], rest[2:]
        plural, name, subresource = (*rest, None, None)[:3]
        return cls("/".join((*parts[:group_parts], plural)), version, plural, namespace, name, subresource)


@dataclass
class FakeKube:
    objects: dict[tuple[str, str | None, str], Json] = field(default_factory=dict)
    requests: list[tuple[str, str]] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    lists: int = 0
    failing: bool = False
    _passing: int | None = None
    _dry: bool = False  # the request that is being answered only tries
    _history: list[tuple[int, str, str, Json]] = field(default_factory=list)
    _version: int = 100
    _oldest: int = 0
    _refusals: list[tuple[int, str | None]] = field(default_factory=list)
    _denied: dict[str, tuple[int, str]] = field(default_factory=dict)
    _hidden: tuple[str, ...] = ()
    _watches: set[asyncio.Event] = field(default_factory=set)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def writes(self) -> list[tuple[str, str]]:
        return [(method, path) for method, path in self.requests if method != "GET"]

    def refuse(self, status: int, times: int = 1, retry_after: str | None = None) -> None:
        """Answer the next requests with an error."""
        self._refusals += [(status, retry_after)] * times

    def deny(self, ending: str, status: int, message: str) -> None:
        """Refuse every write to paths that end so."""
        self._denied[ending] = (status, message)

    def allow(self, ending: str) -> None:
        """Refuse them no more."""
        del self._denied[ending]

    def hide(self, *endings: str) -> None:
        """Forbid every read of paths that end so."""
        self._hidden += endings

    def fail_after(self, writes: int | None) -> None:
        """Let that many writes pass and answer 500 to all that follow; None: all is well again."""
        self._passing, self.failing = writes, False

    def close_watches(self) -> None:
        for closing in self._watches:
            closing.set()

    def compact(self) -> None:
        """Forget all history: who watches from before gets 410 Gone."""
        self._oldest = self._version
        self._history.clear()

    def put(self, path: str, obj: Json) -> Json:
        """Store `obj` as if a client had created or replaced it at `path` (a collection)."""
        target = Target.of(path)
        key = (target.collection, target.namespace, obj["metadata"]["name"])
        self._dry = False
        return self._store(key, "MODIFIED" if key in self.objects else "ADDED", obj)

    def remove(self, path: str) -> None:
        target = Target.of(path)
        self._erase((target.collection, target.namespace, target.name or ""))

    # --- requests

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append((request.method, request.path))
        if self._refusals:
            status, retry_after = self._refusals.pop(0)
            return _failure(Refused(status, "", "refused on demand"), retry_after)
        target = Target.of(request.path)
        try:
            if request.method == "GET" and request.path.endswith(self._hidden):
                raise Refused(403, "Forbidden", f"{request.path} is forbidden")
            if request.method == "GET" and target.name is None:
                if request.query.get("watch"):
                    return await self._watch(request, target)
                self.lists += 1
                return web.json_response(self._list(request, target))
            body = msgspec.json.decode(await request.read() or b"{}")
            return web.json_response(self._one(request, target, body), status=201 if request.method == "POST" else 200)
        except Refused as refusal:
            self.refused.append((request.method, request.path))
            return _failure(refusal)

    def _one(self, request: web.Request, target: Target, body: Any) -> Json:
        self._count_down(request.method)
        self._dry = request.query.get("dryRun") == "All"
        for ending, (status, message) in self._denied.items():
            if request.method != "GET" and request.path.endswith(ending):
                raise Refused(status, "Invalid", message)
        match request.method:
            case "GET":
                return self._present(target)
            case "POST":
                return self._create(target, body)
            case "PUT":
                return self._update(target, body)
            case "PATCH":
                return self._patch(request, target, body)
            case "DELETE":
                return self._delete(target, body)
        raise Refused(405, "MethodNotAllowed", request.method)

    def _count_down(self, method: str) -> None:
        if self._passing is None or method == "GET":
            return
        if self._passing == 0:
            self.failing = True
            raise Refused(500, "InternalError", "failing on demand")
        self._passing -= 1

    def _list(self, request: web.Request, target: Target) -> Json:
        items = [_copy(obj) for obj in self._selected(request, target)]
        for item in items:
            item.pop("kind", None)
            item.pop("apiVersion", None)
        kind = KINDS.get(target.plural, target.plural)
        metadata: Json = {"resourceVersion": str(self._version)}
        start, limit = int(request.query.get("continue") or 0), int(request.query.get("limit") or 0)
        if limit and start + limit < len(items):
            metadata["continue"] = str(start + limit)
        page = items[start : start + limit] if limit else items
        return {"apiVersion": target.version, "kind": f"{kind}List", "metadata": metadata, "items": page}

    def _selected(self, request: web.Request, target: Target) -> list[Json]:
        found = [
            obj
            for (collection, namespace, _), obj in sorted(self.objects.items(), key=lambda entry: str(entry[0]))
            if collection == target.collection and target.namespace in (None, namespace)
        ]
        return [obj for obj in found if _matches(request, obj)]

    async def _watch(self, request: web.Request, target: Target) -> web.StreamResponse:
        asked = request.query.get("resourceVersion", "")
        answer = web.StreamResponse(headers={"Content-Type": "application/json"})
        since = int(asked or self._version)
        if asked and since < self._oldest:
            raise Refused(410, "Expired", "too old resource version")
        closing = asyncio.Event()
        self._watches.add(closing)
        await answer.prepare(request)
        try:
            for obj in [] if asked else self._selected(request, target):
                await _send(answer, "ADDED", obj)
            while not closing.is_set():
                news, upto, changed = self._since(since, target), self._version, self._changed
                for kind, obj in news:
                    if _matches(request, obj):
                        await _send(answer, kind, obj)
                since = upto
                await _send(answer, "BOOKMARK", {"metadata": {"resourceVersion": str(since)}})
                await _either(closing, changed)
        finally:
            self._watches.discard(closing)
        return answer

    def _since(self, since: int, target: Target) -> list[tuple[str, Json]]:
        """What has happened in a collection after version `since`: (kind of event, object), oldest first."""
        news = itertools.takewhile(lambda entry: entry[0] > since, reversed(self._history))
        found = [
            (kind, obj)
            for _, kind, collection, obj in news
            if collection == target.collection and target.namespace in (None, obj["metadata"].get("namespace"))
        ]
        return found[::-1]

    # --- objects

    def _key(self, target: Target, name: str | None = None) -> tuple[str, str | None, str]:
        return target.collection, target.namespace, name or target.name or ""

    def _present(self, target: Target) -> Json:
        obj = self.objects.get(self._key(target))
        if obj is None:
            raise Refused(404, "NotFound", f'{target.plural} "{target.name}" not found')
        return obj

    def _create(self, target: Target, body: Json) -> Json:
        metadata = body["metadata"]
        if not metadata.get("name"):
            metadata["name"] = metadata["generateName"] + secrets.token_hex(3)[:5]
        key = self._key(target, metadata["name"])
        if key in self.objects:
            raise Refused(409, "AlreadyExists", f'{target.plural} "{metadata["name"]}" already exists')
        return self._store(key, "ADDED", body)

    def _update(self, target: Target, body: Json) -> Json:
        present = self._present(target)
        version = (body.get("metadata") or {}).get("resourceVersion")
        if version and version != present["metadata"]["resourceVersion"]:
            raise Refused(409, "Conflict", "the object has been modified")
        if target.subresource in ("status", "approval"):
            metadata = present["metadata"]
            if target.plural == "pods":  # a real server lets a pod's labels change through this door too
                metadata = {**metadata, "labels": (body.get("metadata") or {}).get("labels") or {}}
            body = {**present, "metadata": metadata, "status": body.get("status")}
        body["metadata"] = {**body["metadata"], "uid": present["metadata"]["uid"]}
        if body["metadata"].get("deletionTimestamp") and not body["metadata"].get("finalizers"):
            self._erase(self._key(target))
            return body  # as a real server does: what was asked for, and not what was deleted
        return self._store(self._key(target), "MODIFIED", body)

    def _patch(self, request: web.Request, target: Target, body: Any) -> Json:
        kind = request.content_type
        if kind == "application/apply-patch+yaml" and self._key(target) not in self.objects:
            return self._create(target, body)
        present = _copy(self._present(target))
        if kind == "application/json-patch+json":
            try:
                return self._update(target, jsonpatch.apply_patch(present, _without_null_tests(present, body)))
            except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException) as error:
                raise Refused(422, "Invalid", str(error)) from error
        return self._update(target, _merged(present, body))

    def _delete(self, target: Target, options: Json) -> Json:
        present = self._present(target)
        for name, wanted in (options.get("preconditions") or {}).items():
            if present["metadata"].get(name) != wanted:
                raise Refused(409, "Conflict", f"precondition {name} failed")
        if present["metadata"].get("finalizers"):
            marked = {**present["metadata"], "deletionTimestamp": "2026-01-01T00:00:00Z"}
            return self._store(self._key(target), "MODIFIED", {**present, "metadata": marked})
        return self._erase(self._key(target))

    def _store(self, key: tuple[str, str | None, str], kind: str, obj: Json) -> Json:
        if self._dry:
            return obj
        self._version += 1
        stored = _copy(obj)
        metadata = stored["metadata"]
        metadata.setdefault("uid", str(uuid.uuid4()))
        metadata.setdefault("creationTimestamp", "2026-01-01T00:00:00Z")
        metadata["resourceVersion"] = str(self._version)
        if key[1]:
            metadata["namespace"] = key[1]
        plural = key[0].rsplit("/", 1)[1]
        stored.setdefault("kind", KINDS.get(plural, plural))
        stored.setdefault("apiVersion", "/".join(key[0].split("/")[1:-1]))
        self.objects[key] = stored
        self._tell(kind, key[0], stored)
        return stored

    def _erase(self, key: tuple[str, str | None, str]) -> Json:
        if self._dry:
            return self.objects[key]
        self._version += 1
        gone = _copy(self.objects.pop(key))
        gone["metadata"]["resourceVersion"] = str(self._version)
        self._tell("DELETED", key[0], gone)
        return gone

    def _tell(self, kind: str, collection: str, obj: Json) -> None:
        self._history.append((self._version, kind, collection, obj))
        self._changed.set()
        self._changed = asyncio.Event()


def _copy(obj: Json) -> Json:
    copied: Json = msgspec.json.decode(msgspec.json.encode(obj))
    return copied


async def _either(*events: asyncio.Event) -> None:
    waits = {asyncio.ensure_future(event.wait()) for event in events}
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


def _matches(request: web.Request, obj: Json) -> bool:
    labels = obj["metadata"].get("labels") or {}
    for term in filter(None, request.query.get("labelSelector", "").split(",")):
        name, _, value = term.partition("=")
        if labels.get(name) != value.lstrip("="):
            return False
    for term in filter(None, request.query.get("fieldSelector", "").split(",")):
        path, _, value = term.partition("=")
        found: Any = obj
        for part in path.rstrip("!").split("."):
            found = (found or {}).get(part)
        if (found == value.lstrip("=")) is path.endswith("!"):
            return False
    return True


def _without_null_tests(present: Json, ops: list[Json]) -> list[Json]:
    """The API server's JSON Patch takes `test` of null for "there is nothing", also where the path ends in nothing."""

    def passes(op: Json) -> bool:
        nothing = op["op"] == "test" and op.get("value") is None
        return nothing and jsonpatch.JsonPointer(op["path"]).resolve(present, None) is None

    return [op for op in ops if not passes(op)]


def _merged(present: Json, change: Json) -> Json:
    """RFC 7396."""
    result = dict(present)
    for key, value in change.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict):
            old = result.get(key)
            result[key] = _merged(old if isinstance(old, dict) else {}, value)
        else:
            result[key] = value
    return result


async def _send(answer: web.StreamResponse, kind: str, obj: Json) -> None:
    await answer.write(msgspec.json.encode({"type": kind, "object": obj}) + b"\n")


def _failure(refusal: Refused, retry_after: str | None = None) -> web.Response:
    status = {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "message": str(refusal),
        "reason": refusal.reason,
        "code": refusal.status,
    }
    headers = {"Retry-After": retry_after} if retry_after is not None else {}
    return web.json_response(status, status=refusal.status, headers=headers)


@contextlib.asynccontextmanager
async def fake_kube() -> AsyncIterator[tuple[FakeKube, KubeClient]]:
    """The fake on a free local port, and a real client of it."""
    fake = FakeKube()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", fake.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        async with KubeClient.over(Access(server=f"http://127.0.0.1:{port}", tls=None)) as kube:
            yield fake, kube
    finally:
        fake.close_watches()
        await runner.cleanup()
