"""The handler's end: one LauncherClient per launcher socket, asynchronous.

async with LauncherClient.connect("/pods/…/sockets/launcher-sock") as launcher:
    await launcher.hello(HelloRequest(handler_version="…"))
    report = await launcher.sync(SyncRequest(vmi=raw, options=options))
    async for report in launcher.events(): …
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any, Self

import grpc
import grpc.aio
import msgspec

from virt_ipc import wire
from virt_ipc.errors import IpcError, LauncherRefused, LauncherUnreachable, ProtocolError, SyncError
from virt_ipc.messages import CapabilityCache, DomainReport, Empty, HelloReply, HelloRequest, Message, SyncRequest

SHORT = 5.0
"""Seconds for a call that only reads or signals."""
LONG = 60.0
"""Seconds for a call that may start QEMU."""


class LauncherClient:
    """Calls on one launcher. Every call raises IpcError's kinds and nothing else."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._channel = channel

    @classmethod
    def connect(cls, socket_path: str) -> Self:
        """A client of the socket at an absolute path. Connects at the first call; the file need not exist yet."""
        options = [*wire.CHANNEL_OPTIONS, ("grpc.enable_retries", 0)]
        return cls(grpc.aio.insecure_channel(f"unix:{socket_path}", options=options))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Drop the connection and end every call and stream on it."""
        await self._channel.close()

    async def hello(self, request: HelloRequest) -> HelloReply:
        """Introduce this handler; may seed the capability cache before the domain is created."""
        reply: HelloReply = await self._call("Hello", request, SHORT)
        return reply

    async def sync(self, request: SyncRequest) -> DomainReport:
        """Create the domain if there is none yet; SyncError says why it cannot be."""
        report: DomainReport = await self._call("Sync", request, LONG)
        return report

    async def capability_cache(self) -> dict[str, bytes]:
        """libvirt's cache files that `hello` did not bring; empty until a domain was created, or if nothing is new."""
        cache: CapabilityCache = await self._call("CapabilityCache", Empty(), SHORT)
        return cache.files

    async def shutdown(self) -> None:
        """Press the guest's power button (ACPI). May be repeated; succeeds too when there is no guest any more."""
        await self._call("Shutdown", Empty(), SHORT)

    async def kill(self) -> None:
        """End QEMU now: SIGTERM, then SIGKILL. Succeeds too when there is no guest any more."""
        await self._call("Kill", Empty(), LONG)

    async def delete(self) -> None:
        """The final state has been seen: the launcher may exit. Refused while the guest runs."""
        await self._call("Delete", Empty(), SHORT)

    async def pause(self) -> None:
        """Stop the vCPUs. Succeeds too when they stand already."""
        await self._call("Pause", Empty(), SHORT)

    async def unpause(self) -> None:
        """Let the vCPUs run. Succeeds too when they do."""
        await self._call("Unpause", Empty(), SHORT)

    async def reset(self) -> None:
        """Press the guest's reset button."""
        await self._call("Reset", Empty(), SHORT)

    async def soft_reboot(self) -> None:
        """Ask the guest to reboot: by its agent when connected, else by ACPI."""
        await self._call("SoftReboot", Empty(), SHORT)

    async def ping(self) -> None:
        """Is the launcher alive and its lock not held by a stuck call?"""
        await self._call("Ping", Empty(), SHORT)

    async def events(self) -> AsyncIterator[DomainReport]:
        """The present state, then each change; only the newest where the reader is slower than the guest.

        Ends by LauncherUnreachable when the launcher is gone, never by itself.
        """
        method = self._channel.unary_stream(
            f"/{wire.SERVICE}/{wire.EVENTS}",
            request_serializer=wire.encode,
        )
        decode = wire.decoder(DomainReport)
        stream = method(Empty())
        try:
            async for report in stream:
                yield decode(report)
        except (grpc.aio.AioRpcError, msgspec.MsgspecError) as error:
            raise _translated(error, wire.EVENTS) from error
        finally:
            stream.cancel()
        raise LauncherUnreachable("the launcher closed its event stream")

    async def _call(self, method: str, request: Message, timeout: float) -> Any:
        _, reply = wire.UNARY[method]
        call = self._channel.unary_unary(
            f"/{wire.SERVICE}/{method}",
            request_serializer=wire.encode,
        )
        try:
            return wire.decoder(reply)(await call(request, timeout=timeout))
        except (grpc.aio.AioRpcError, msgspec.MsgspecError) as error:
            raise _translated(error, method) from error


def _translated(error: grpc.aio.AioRpcError | msgspec.MsgspecError, method: str) -> IpcError:
    if isinstance(error, msgspec.MsgspecError):
        return ProtocolError(f"{method}: {error}")
    code, text = error.code(), error.details() or ""
    if code is grpc.StatusCode.FAILED_PRECONDITION:
        return SyncError(text) if method == "Sync" else LauncherRefused(text)
    if code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED):
        return LauncherUnreachable(f"{method}: {code.name.lower()}: {text[:512]}")
    return ProtocolError(f"{method}: {code.name.lower()}: {text[:512]}")
