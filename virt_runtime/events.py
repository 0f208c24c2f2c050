"""Kubernetes Events (core/v1) written beside the work: emitting never waits and never fails the caller.

A repeat of (object, type, reason, message) raises `count` of the Event that is there. Per object a token bucket
(25 at once, then one in five minutes: client-go's figures) keeps a looping controller from flooding the API.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from typing import Literal

from .clock import Clock, RealClock, rfc3339
from .errors import ApiError, NotFound
from .kube import KubeClient
from .log import about
from .resources import EVENTS, Json

LOG = logging.getLogger(__name__)
QUEUE_LENGTH = 1000
REMEMBERED = 4096
BURST = 25.0
REFILL_SECONDS = 300.0
MESSAGE_LENGTH = 1024

EventKind = Literal["Normal", "Warning"]


@dataclass(frozen=True)
class _Occurrence:
    involved: Json
    kind: str
    reason: str
    message: str
    at: str

    @property
    def key(self) -> str:
        uid = self.involved.get("uid") or f"{self.involved.get('namespace')}/{self.involved['name']}"
        return "\0".join((uid, self.involved.get("fieldPath", ""), self.kind, self.reason, self.message))


class EventRecorder:
    """Run `run()` as a task beside the controllers."""

    def __init__(self, kube: KubeClient, component: str, host: str = "", clock: Clock | None = None) -> None:
        self._kube, self._component, self._host = kube, component, host
        self._clock = clock or RealClock()
        self._queue: asyncio.Queue[_Occurrence] = asyncio.Queue(QUEUE_LENGTH)
        self._known: OrderedDict[str, tuple[str, str, int]] = OrderedDict()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self.dropped = 0

    def emit(self, involved: Json, type_: EventKind, reason: str, message: str) -> None:
        """`involved` is the object itself or an ObjectReference (kind, apiVersion, name, namespace, uid)."""
        reference = reference_to(involved)
        if not self._allowed(reference.get("uid") or reference["name"]):
            self.dropped += 1
            return
        try:
            self._queue.put_nowait(
                _Occurrence(reference, type_, reason, message[:MESSAGE_LENGTH], rfc3339(self._clock.now()))
            )
        except asyncio.QueueFull:
            self.dropped += 1

    async def run(self) -> None:
        """Until cancelled; what is queued by then is still written, for at most two seconds."""
        try:
            while True:
                await self._write(await self._queue.get())
        except asyncio.CancelledError:
            await self._flush(2.0)
            raise

    async def _flush(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                while not self._queue.empty():
                    await self._write(self._queue.get_nowait())
        except TimeoutError:
            self.dropped += self._queue.qsize()

    async def _write(self, seen: _Occurrence) -> None:
        try:
            if seen.key in self._known:
                await self._repeat(seen)
            else:
                await self._first(seen)
        except ApiError as error:
            self.dropped += 1
            LOG.warning(
                "event %s not written: %s",
                seen.reason,
                error,
                extra=about({"kind": seen.involved.get("kind"), "metadata": seen.involved}),
            )

    async def _first(self, seen: _Occurrence) -> None:
        namespace = seen.involved.get("namespace") or "default"
        name = f"{seen.involved['name']}.{secrets.token_hex(8)}"
        await self._kube.create(EVENTS, namespace, self._event(seen, namespace, name))
        self._known[seen.key] = (namespace, name, 1)
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)

    async def _repeat(self, seen: _Occurrence) -> None:
        namespace, name, count = self._known[seen.key]
        try:
            await self._kube.merge_patch(EVENTS, namespace, name, {"count": count + 1, "lastTimestamp": seen.at})
        except NotFound:  # Events expire after an hour
            del self._known[seen.key]
            await self._first(seen)
        else:
            self._known[seen.key] = (namespace, name, count + 1)
            self._known.move_to_end(seen.key)

    def _event(self, seen: _Occurrence, namespace: str, name: str) -> Json:
        source = {"component": self._component} | ({"host": self._host} if self._host else {})
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": name, "namespace": namespace},
            "involvedObject": seen.involved,
            "type": seen.kind,
            "reason": seen.reason,
            "message": seen.message,
            "source": source,
            "reportingComponent": self._component,
            "reportingInstance": self._host,
            "firstTimestamp": seen.at,
            "lastTimestamp": seen.at,
            "count": 1,
        }

    def _allowed(self, source: str) -> bool:
        now = self._clock.monotonic()
        tokens, since = self._buckets.pop(source, (BURST, now))
        tokens = min(BURST, tokens + (now - since) / REFILL_SECONDS)
        self._buckets[source] = (tokens - 1 if tokens >= 1 else tokens, now)
        while len(self._buckets) > REMEMBERED:
            self._buckets.popitem(last=False)
        return tokens >= 1


def reference_to(obj: Json) -> Json:
    """An ObjectReference to `obj`, which may be one already."""
    if "metadata" not in obj:
        return obj
    metadata = obj["metadata"]
    named = {key: metadata.get(key) for key in ("name", "namespace", "uid", "resourceVersion")}
    reference = {"kind": obj.get("kind"), "apiVersion": obj.get("apiVersion"), **named}
    return {key: value for key, value in reference.items() if value}
