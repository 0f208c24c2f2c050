"""The launcher's end: a LauncherService served on a unix socket, by threads, because libvirt's calls block.

The socket first appears under its own name with `-init` in it and is renamed when the service answers, so whoever
sees `launcher-sock` can call at once.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from typing import Protocol

import msgspec

from virt_ipc import wire
from virt_ipc.agent import ExecReply, ExecRequest, FreezeRequest, GuestInfo, PingRequest
from virt_ipc.errors import LauncherRefused
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
from virt_ipc.wire import Answer, Outcome, Request

INIT_SOCKET = "launcher-init-sock"
SOCKET = "launcher-sock"
MAX_STREAMS = 2
"""Event streams at one time: the handler's, and one that its predecessor left behind. A third ends the oldest."""
MAX_CONNECTIONS = 8
"""At one time; one more is hung up on."""
REQUEST_SECONDS = 10.0
"""For a request to arrive whole, and for an answer to be taken."""

_request = msgspec.msgpack.Decoder(Request)


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
    def receive(self, request: ReceiveRequest) -> Empty: ...
    def migrate(self, request: MigrateRequest) -> Empty: ...
    def abort_migration(self, request: Empty) -> Empty: ...
    def complete_migration(self, request: Empty) -> Empty: ...
    def take_over(self, request: TakeOverRequest) -> DomainReport: ...
    def wind(self, request: WindRequest) -> Empty: ...
    def stats(self, request: Empty) -> DomainStats: ...
    def ping(self, request: Empty) -> Empty: ...
    def guest_info(self, request: Empty) -> GuestInfo: ...
    def freeze(self, request: FreezeRequest) -> Empty: ...
    def unfreeze(self, request: Empty) -> Empty: ...
    def guest_ping(self, request: PingRequest) -> Empty: ...
    def guest_exec(self, request: ExecRequest) -> ExecReply: ...


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


class Server:
    """Accepts connections, one thread each. Threads are daemons: the process may end while they wait."""

    def __init__(self, service: LauncherService, reports: Newest, listener: socket.socket) -> None:
        self._calls = {
            method: (getattr(service, method), wire.decoder(request)) for method, (request, _) in wire.UNARY.items()
        }
        self._reports = reports
        self._listener = listener
        self._room = threading.Semaphore(MAX_CONNECTIONS)
        self._answering = threading.Condition()
        self._calls_under_way = 0
        threading.Thread(target=self._accept, name="ipc-accept", daemon=True).start()

    def stop(self, grace: float) -> None:
        """Accept nothing more, and give calls that are under way so many seconds to be answered."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._answering:
            self._answering.wait_for(lambda: self._calls_under_way == 0, grace)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            if self._room.acquire(blocking=False):
                threading.Thread(target=self._converse, args=[connection], name="ipc", daemon=True).start()
            else:
                connection.close()

    def _converse(self, connection: socket.socket) -> None:
        """One call. A client that goes away or talks nonsense is its own loss."""
        try:
            with connection, contextlib.suppress(OSError, EOFError, wire.TooLarge, msgspec.MsgspecError):
                connection.settimeout(REQUEST_SECONDS)
                request = _request.decode(wire.receive(connection))
                if request.method == wire.EVENTS:
                    self._stream(connection)
                else:
                    self._answer(connection, request)
        finally:
            self._room.release()

    def _answer(self, connection: socket.socket, request: Request) -> None:
        with self._answering:
            self._calls_under_way += 1
        try:
            connection.sendall(wire.frame(self._outcome(request)))
        finally:
            with self._answering:
                self._calls_under_way -= 1
                self._answering.notify_all()

    def _outcome(self, request: Request) -> Answer:
        call, decode = self._calls.get(request.method, (None, None))
        if call is None or decode is None:
            return Answer(outcome=Outcome.NOT_UNDERSTOOD, body=f"no method {request.method[:64]}".encode())
        try:
            return Answer(outcome=Outcome.DONE, body=wire.encode(call(decode(request.body))))
        except LauncherRefused as refusal:
            return Answer(outcome=Outcome.REFUSED, body=str(refusal)[: wire.MAX_SENTENCE].encode())
        except msgspec.MsgspecError as error:
            return Answer(outcome=Outcome.NOT_UNDERSTOOD, body=str(error)[: wire.MAX_SENTENCE].encode())

    def _stream(self, connection: socket.socket) -> None:
        """A client that hung up is noticed at the next report, or when newer streams displace this one."""
        reader = object()
        try:
            for report in self._reports.read(reader):
                connection.sendall(wire.frame(Answer(outcome=Outcome.DONE, body=wire.encode(report))))
        finally:
            self._reports.release(reader)


def serve(service: LauncherService, reports: Newest, directory: str) -> Server:
    """Serve on `directory/launcher-sock`, which is there and answers when this returns."""
    first = os.path.join(directory, INIT_SOCKET)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(first)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(first)
    os.chmod(first, 0o660)
    listener.listen()
    server = Server(service, reports, listener)
    os.rename(first, os.path.join(directory, SOCKET))
    return server
