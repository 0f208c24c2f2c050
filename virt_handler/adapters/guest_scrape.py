"""Asks all launchers of this node for their guests' counters when somebody scrapes virt-handler.

All at once, each with a deadline: a guest whose launcher is silent is missing from this scrape, and nothing else is.
Two scrapes at one time share one round of questions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from virt_handler.plan.guest_metrics import FileSystem, samples
from virt_ipc.client import LauncherClient
from virt_ipc.errors import LauncherRefused, LauncherUnreachable, ProtocolError
from virt_model.monitoring.row import Sample

Json = dict[str, Any]
DEADLINE = 2.0
"""Seconds for one launcher: well within the ten that Prometheus waits."""
AT_ONCE = 64
SILENT = "podvirt_virt_handler_silent_launchers"
#: the VMIs of running guests and how to ask for each
Guests = Callable[[], Sequence[tuple[Json, LauncherClient]]]


class GuestScrape:
    def __init__(self, node: str, guests: Guests, deadline: float = DEADLINE) -> None:
        self._node, self._guests, self._deadline = node, guests, deadline
        self._room = asyncio.Semaphore(AT_ONCE)
        self._round: asyncio.Task[list[Sample]] | None = None

    async def __call__(self) -> Iterable[Sample]:
        """A source for `Metrics.collect_with`."""
        if self._round is None or self._round.done():
            self._round = asyncio.create_task(self._ask_all())
        return await asyncio.shield(self._round)

    async def _ask_all(self) -> list[Sample]:
        answers = await asyncio.gather(*(self._ask(vmi, client) for vmi, client in self._guests()))
        silent = Sample(SILENT, (), sum(answer is None for answer in answers))
        return [silent, *(sample for answer in answers for sample in answer or ())]

    async def _ask(self, vmi: Json, client: LauncherClient) -> list[Sample] | None:
        """The samples of one guest; none when it does not run any more, or its launcher is of a release that cannot
        tell. None when the launcher is silent.
        """
        async with self._room:
            try:
                async with asyncio.timeout(self._deadline):
                    stats = await client.stats()
            except (LauncherRefused, ProtocolError):
                return []
            except (LauncherUnreachable, TimeoutError):
                return None
        found = [
            FileSystem(
                disk_name=each.disk_name, mount_point=each.mount_point, type=each.type, used=each.used, total=each.total
            )
            for each in stats.usage.file_systems
        ]
        return samples(vmi, self._node, stats.values, stats.devices, found, stats.usage.load)
