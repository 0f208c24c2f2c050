"""The node's heartbeat: one patch a minute, and one at each change of what the node offers."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable
from pathlib import Path
from xml.etree.ElementTree import ParseError

from virt_handler.plan import heartbeat
from virt_handler.plan.node_labels import NodeFacts, read_facts
from virt_runtime.clock import Clock, rfc3339
from virt_runtime.errors import ApiError
from virt_runtime.kube import KubeClient
from virt_runtime.resources import NODES
from virt_runtime.store import Store

LOG = logging.getLogger(__name__)
Labels = dict[str, str]
FIRST_GRACE = 10.0
"""Seconds at start within which the device plugins may still get ready."""
LAST_WORD_SECONDS = 2.0


def facts_of_image(directory: Path) -> NodeFacts | None:
    """What the launcher image's probe left in `directory`; None, with a line in the log, if it failed."""
    try:
        domain = (directory / "domcapabilities.xml").read_text()
        host = (directory / "capabilities.xml").read_text()
        return read_facts(domain, host)
    except (OSError, ParseError) as error:
        cause = directory / "error"
        LOG.error("no CPU models and machine types for this node: %s", cause.read_text() if cause.exists() else error)
        return None


class Heartbeat:
    def __init__(
        self,
        *,
        kube: KubeClient,
        nodes: Store,
        name: str,
        wanted: Callable[[], Labels | None],
        ready: asyncio.Event,
        clock: Clock,
        returned: asyncio.Event,
    ) -> None:
        """`returned` is set when this node must tell at once that it takes guests again."""
        self._returned = returned
        self._kube, self._nodes, self._name, self._wanted = kube, nodes, name, wanted
        self._ready, self._clock = ready, clock
        self.beaten = asyncio.Event()
        """Set once the API has taken a heartbeat."""

    async def run(self) -> None:
        """Until cancelled; the last word is that nothing must be scheduled here any more."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ready.wait(), FIRST_GRACE)
        try:
            while True:
                await self._beat(self._ready.is_set())
                await self._pause()
        finally:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._beat(schedulable=False), LAST_WORD_SECONDS)

    async def _pause(self) -> None:
        """A period; cut short when the device plugins get ready, when the node returns, or by a beat that failed."""
        seconds = heartbeat.PERIOD_SECONDS * random.uniform(1.0, 1.0 + heartbeat.JITTER)
        if not self.beaten.is_set():
            seconds = 1.0
        awaited = self._returned if self._ready.is_set() else self._ready
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(awaited.wait(), seconds)
        self._returned.clear()

    async def _beat(self, schedulable: bool) -> None:
        node = self._nodes.get(self._name)
        if node is None:
            LOG.warning("node %s is not in the API yet", self._name)
            return
        manager = (node["metadata"].get("labels") or {}).get("cpumanager") == "true"
        change = heartbeat.patch(node, self._wanted(), schedulable, manager, rfc3339(self._clock.now()))
        try:
            await self._kube.merge_patch(NODES, None, self._name, change)
        except ApiError as error:
            LOG.warning("heartbeat not written: %s", error)
        else:
            self.beaten.set()
