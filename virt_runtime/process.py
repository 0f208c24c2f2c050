"""A daemon's life: run a coroutine until it ends or a signal asks to stop; what it leaves behind is the exit code."""

from __future__ import annotations

import asyncio
import asyncio.sslproto
import gc
import logging
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, NoReturn

from .access import AccessError
from .election import LeadershipLost
from .errors import Unreachable

LOG = logging.getLogger(__name__)
#: bytes that asyncio keeps ready per TLS connection; its own 256 KiB are for bulk transfer, we hold many idle watches
TLS_BUFFER = 32 * 1024


def run_daemon(main: Callable[[], Coroutine[Any, Any, None]]) -> NoReturn:
    """Run `main()`; SIGTERM and SIGINT cancel it. Exits 0 after a signal, 1 with one line after a known failure."""
    asyncio.sslproto.SSLProtocol.max_size = TLS_BUFFER
    gc.freeze()  # modules live as long as the process: the collector need not walk them
    sys.exit(asyncio.run(_until_signal(main)))


async def _until_signal(main: Callable[[], Coroutine[Any, Any, None]]) -> int:
    task = asyncio.create_task(main())
    loop = asyncio.get_running_loop()
    stopping: list[int] = []

    def stop(number: int) -> None:
        stopping.append(number)
        task.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop, number)
    try:
        await task
    except asyncio.CancelledError:
        if not stopping:
            raise
        LOG.info("stopped by %s", signal.Signals(stopping[0]).name)
    except BaseExceptionGroup as group:
        known, rest = group.split((AccessError, LeadershipLost, Unreachable))
        if rest is not None or known is None:
            raise
        LOG.error("%s", _first_leaf(known))
        return 1
    except (AccessError, LeadershipLost, Unreachable) as error:
        LOG.error("%s", error)
        return 1
    return 0


def _first_leaf(group: BaseExceptionGroup[BaseException]) -> BaseException:
    first = group.exceptions[0]
    return _first_leaf(first) if isinstance(first, BaseExceptionGroup) else first


async def together(*parts: Awaitable[None]) -> None:
    """Run the long-living parts of a component at once; the first failure stops all."""
    async with asyncio.TaskGroup() as group:
        for part in parts:
            group.create_task(_awaited(part))


async def _awaited(part: Awaitable[None]) -> None:
    await part


async def when_synced(*events: asyncio.Event, timeout: float | None = None) -> None:
    """Wait until every store is filled (`store.synced`)."""
    async with asyncio.timeout(timeout):
        for event in events:
            await event.wait()
