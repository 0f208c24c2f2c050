"""The handler's end: one LauncherClient per launcher socket, asynchronous.

async with LauncherClient.connect("/pods/…/sockets/launcher-sock") as launcher:
    await launcher.hello(HelloRequest(handler_version="…"))
    report = await launcher.sync(SyncRequest(vmi=raw, options=options))
    async for report in launcher.events(): …
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self

import msgspec

from virt_ipc import wire
from virt_ipc.agent import FreezeRequest, GuestInfo
from virt_ipc.base import Message
from virt_ipc.errors import LauncherUnreachable, ProtocolError
from virt_ipc.messages import (
    CapabilityCache,
    DomainReport,
    DomainStats,
    Empty,
    HelloReply,
    HelloRequest,
    ReceiveRequest,
    SyncRequest,
    WindRequest,
)
from virt_ipc.migration import MigrateRequest, TakeOverRequest
from virt_ipc.wire import Answer, Request

SHORT = 5.0
"""Seconds for a call that only reads or signals."""
LONG = 60.0
"""Seconds for a call that may start or end QEMU, or that waits for the guest's agent."""

_answer = msgspec.msgpack.Decoder(Answer)


class LauncherClient:
    """Calls on one launcher, each on a connection of its own. They raise IpcError's kinds and nothing else."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._open: set[asyncio.StreamWriter] = set()

    @classmethod
    def connect(cls, socket_path: str) -> Self:
        """A client of the socket at an absolute path of at most 107 bytes; the file need not exist yet."""
        return cls(socket_path)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End every call and stream that is under way."""
        for writer in list(self._open):
            writer.close()

    async def hello(self, request: HelloRequest) -> HelloReply:
        """Introduce this handler; may seed the capability cache before the domain is created."""
        reply: HelloReply = await self._call("hello", request, SHORT)
        return reply

    async def sync(self, request: SyncRequest) -> DomainReport:
        """Create the domain if there is none yet; SyncError says why it cannot be."""
        report: DomainReport = await self._call("sync", request, LONG)
        return report

    async def capability_cache(self) -> dict[str, bytes]:
        """libvirt's cache files that `hello` did not bring; empty until a domain was created, or if nothing is new."""
        cache: CapabilityCache = await self._call("capability_cache", Empty(), SHORT)
        return cache.files

    async def shutdown(self) -> None:
        """Press the guest's power button (ACPI). May be repeated; succeeds too when there is no guest any more."""
        await self._call("shutdown", Empty(), SHORT)

    async def kill(self) -> None:
        """End QEMU now: SIGTERM, then SIGKILL. Succeeds too when there is no guest any more."""
        await self._call("kill", Empty(), LONG)

    async def delete(self) -> None:
        """The final state has been seen: the launcher may exit. Refused while the guest runs."""
        await self._call("delete", Empty(), SHORT)

    async def pause(self) -> None:
        """Stop the vCPUs. Succeeds too when they stand already."""
        await self._call("pause", Empty(), SHORT)

    async def unpause(self) -> None:
        """Let the vCPUs run. Succeeds too when they do."""
        await self._call("unpause", Empty(), SHORT)

    async def reset(self) -> None:
        """Press the guest's reset button."""
        await self._call("reset", Empty(), SHORT)

    async def soft_reboot(self) -> None:
        """Ask the guest to reboot: by its agent when connected, else by ACPI."""
        await self._call("soft_reboot", Empty(), LONG)

    async def receive(self, request: ReceiveRequest) -> None:
        """Make ready for a guest that another launcher sends; libvirt listens when this returns. May be repeated."""
        await self._call("receive", request, LONG)

    async def migrate(self, request: MigrateRequest) -> None:
        """Begin to send the guest away; reports tell the rest. A UID that was begun before is not begun again."""
        await self._call("migrate", request, SHORT)

    async def abort_migration(self) -> None:
        """Ask for the end of the migration under way, at either side; reports tell whether it came too late."""
        await self._call("abort_migration", Empty(), SHORT)

    async def complete_migration(self) -> None:
        """Make a guest that leaves stand still and send the rest without limit of bandwidth; reports tell."""
        await self._call("complete_migration", Empty(), SHORT)

    async def take_over(self, request: TakeOverRequest) -> DomainReport:
        """Let the guest that was received run here. Call it only when the VMI names this pod as its runner.

        May be repeated; refused while nothing whole was received.
        """
        report: DomainReport = await self._call("take_over", request, LONG)
        return report

    async def wind(self, until: float) -> None:
        """Have the launcher's watchdog end the guest when the machine has been up for so many seconds.

        A later time puts that off. There is no way back to a guest without a watchdog.
        """
        await self._call("wind", WindRequest(until=until), SHORT)

    async def stats(self) -> DomainStats:
        """What the domain has used so far. Refused while there is none, or libvirt is busy with an earlier question."""
        stats: DomainStats = await self._call("stats", Empty(), SHORT)
        return stats

    async def ping(self) -> None:
        """Is the launcher alive, and does QEMU answer it? Refused, or not answered, where something hangs."""
        await self._call("ping", Empty(), SHORT)

    async def guest_info(self) -> GuestInfo:
        """Ask the guest agent for all that it tells. Refused where none is connected."""
        info: GuestInfo = await self._call("guest_info", Empty(), LONG)
        return info

    async def freeze(self, request: FreezeRequest) -> None:
        """Let the guest's file systems take no writes, by its agent. May be repeated."""
        await self._call("freeze", request, LONG)

    async def unfreeze(self) -> None:
        """Let them take writes again. May be repeated."""
        await self._call("unfreeze", Empty(), LONG)

    async def events(self) -> AsyncIterator[DomainReport]:
        """The present state, then each change; only the newest where the reader is slower than the guest.

        Ends by LauncherUnreachable when the launcher is gone, never by itself.
        """
        decode = wire.decoder(DomainReport)
        async with self._connection(wire.EVENTS) as (reader, writer):
            await _send(writer, Request(method=wire.EVENTS, body=wire.encode(Empty())))
            while True:
                yield decode(wire.body(await _receive(reader), wire.EVENTS))

    async def _call(self, method: str, request: Message, timeout: float) -> Any:
        _, reply = wire.UNARY[method]
        async with self._connection(method) as (reader, writer), asyncio.timeout(timeout):
            await _send(writer, Request(method=method, body=wire.encode(request)))
            return wire.decoder(reply)(wire.body(await _receive(reader), method))

    @asynccontextmanager
    async def _connection(self, method: str) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """A connection for one call; what goes wrong in its body leaves as one of IpcError's kinds."""
        writer: asyncio.StreamWriter | None = None
        try:
            async with asyncio.timeout(SHORT):
                reader, writer = await asyncio.open_unix_connection(self._path)
            self._open.add(writer)
            yield reader, writer
        except TimeoutError:
            raise LauncherUnreachable(f"{method}: no answer in time") from None
        except (OSError, asyncio.IncompleteReadError) as error:
            raise LauncherUnreachable(f"{method}: {error}") from error
        except (wire.TooLarge, msgspec.MsgspecError) as error:
            raise ProtocolError(f"{method}: {error}") from error
        finally:
            if writer is not None:
                self._open.discard(writer)
                writer.close()


async def _send(writer: asyncio.StreamWriter, request: Request) -> None:
    writer.write(wire.frame(request))
    await writer.drain()


async def _receive(reader: asyncio.StreamReader) -> Answer:
    size = wire.length(await reader.readexactly(wire.LENGTH.size))
    return _answer.decode(await reader.readexactly(size))
