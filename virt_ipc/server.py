"""The launcher's end: a LauncherService served on a unix socket, by threads, because libvirt's calls block.

The socket first appears under its own name with `-init` in it and is renamed when the service answers, so whoever
sees `launcher-sock` can call at once.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import grpc
import msgspec

from virt_ipc import wire
from virt_ipc.errors import LauncherRefused
from virt_ipc.messages import CapabilityCache, DomainReport, Empty, HelloReply, HelloRequest, SyncRequest

INIT_SOCKET = "launcher-init-sock"
SOCKET = "launcher-sock"
MAX_STREAMS = 2
"""Event streams at one time: the handler's, and one that its predecessor left behind. A third ends the oldest."""
WORKERS = 3 + MAX_STREAMS


class LauncherService(Protocol):
    """What a launcher must be able to do. Each may raise LauncherRefused with a sentence for people."""

    def hello(self, request: HelloRequest) -> HelloReply: ...
    def sync(self, request: SyncRequest) -> DomainReport: ...
    def capability_cache(self, request: Empty) -> CapabilityCache: ...
    def shutdown(self, request: Empty) -> Empty: ...
    def kill(self, request: Empty) -> Empty: ...
    def delete(self, request: Empty) -> Empty: ...
    def pause(self, request: Empty) -> Empty: ...
    def unpause(self, request: Empty) -> Empty: ...
    def reset(self, request: Empty) -> Empty: ...
    def soft_reboot(self, request: Empty) -> Empty: ...
    def ping(self, request: Empty) -> Empty: ...


class Newest:
    """The latest report, waited for by any number of readers. Slow readers skip what is outdated."""

    def __init__(self, report: DomainReport) -> None:
        self._changed = threading.Condition()
        self._report = report
        self._serial = 0
        self._readers: list[object] = []

    def publish(self, report: DomainReport) -> None:
        """Replace the report and wake the readers, unless it says what the last one said."""
        with self._changed:
            if report != self._report:
                self._report = report
                self._serial += 1
                self._changed.notify_all()

    @property
    def report(self) -> DomainReport:
        """The latest."""
        return self._report

    def read(self, reader: object) -> Iterator[DomainReport]:
        """The present report, then each newer one, until `release(reader)` or until too many others read."""
        with self._changed:
            self._readers = [*self._readers, reader][-MAX_STREAMS:]
            self._changed.notify_all()
        seen = -1
        while True:
            with self._changed:
                while self._serial == seen and reader in self._readers:
                    self._changed.wait()
                if reader not in self._readers:
                    return
                seen, report = self._serial, self._report
            yield report

    def release(self, reader: object) -> None:
        """End that reader's iteration."""
        with self._changed:
            self._readers = [known for known in self._readers if known is not reader]
            self._changed.notify_all()


def serve(service: LauncherService, reports: Newest, directory: str) -> grpc.Server:
    """Serve on `directory/launcher-sock`, which is there and answers when this returns. End it with `.stop(grace)`."""
    server = grpc.server(
        ThreadPoolExecutor(WORKERS, thread_name_prefix="grpc"),
        handlers=(grpc.method_handlers_generic_handler(wire.SERVICE, _handlers(service, reports)),),
        options=wire.CHANNEL_OPTIONS,
    )
    first = os.path.join(directory, INIT_SOCKET)
    if not server.add_insecure_port(f"unix:{first}"):
        raise OSError(f"cannot listen on {first}")
    server.start()
    os.chmod(first, 0o660)
    os.rename(first, os.path.join(directory, SOCKET))
    return server


def _handlers(service: LauncherService, reports: Newest) -> dict[str, Any]:
    handlers = {
        method: grpc.unary_unary_rpc_method_handler(
            _answering(getattr(service, _snake(method)), wire.decoder(request)), response_serializer=wire.encode
        )
        for method, (request, _) in wire.UNARY.items()
    }
    handlers[wire.EVENTS] = grpc.unary_stream_rpc_method_handler(_streaming(reports), response_serializer=wire.encode)
    return handlers


def _answering(call: Callable[[Any], Any], decode: Callable[[bytes], Any]) -> Callable[[bytes, Any], Any]:
    def answer(request: bytes, context: Any) -> Any:
        try:
            return call(decode(request))
        except msgspec.MsgspecError as error:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error)[:2048])
        except LauncherRefused as refusal:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(refusal)[:2048])

    return answer


def _streaming(reports: Newest) -> Callable[[Any, Any], Iterator[DomainReport]]:
    def stream(_request: Any, context: Any) -> Iterator[DomainReport]:
        reader = object()
        if context.add_callback(lambda: reports.release(reader)):
            yield from reports.read(reader)

    return stream


def _snake(method: str) -> str:
    return "".join("_" + c.lower() if c.isupper() else c for c in method).lstrip("_")
