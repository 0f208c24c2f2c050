"""Framing, limits and encoding. Both ends refuse what is larger than the limits.

A call is a connection of its own: the client sends one frame, a Request; the server answers with one frame, an
Answer, or for `Events` with one after the other until either side hangs up. A frame is four bytes of length, most
significant first, and that many bytes of msgpack.
"""

from __future__ import annotations

import enum
import socket
import struct
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from virt_ipc import agent, messages, migration
from virt_ipc.base import Message
from virt_ipc.errors import LauncherRefused, ProtocolError, SyncError

LENGTH = struct.Struct(">I")
MAX_MESSAGE = 4 << 20
"""Bytes of any message: a VMI fits in etcd's 1.5 MiB, a capability cache is 0.14 MiB a file."""
MAX_FRAME = MAX_MESSAGE + 1024
MAX_REPORT = 256 << 10
"""Bytes of a DomainReport, which arrives unasked, and of DomainStats, which many launchers send at once."""
MAX_SENTENCE = 2048
"""Bytes of a refusal."""
MAX_CACHE_FILES = 4
MAX_CACHE_BYTES = 2 << 20

UNARY: dict[str, tuple[type[Message], type[Message]]] = {
    "hello": (messages.HelloRequest, messages.HelloReply),
    "sync": (messages.SyncRequest, messages.DomainReport),
    "capability_cache": (messages.Empty, messages.CapabilityCache),
    "shutdown": (messages.Empty, messages.Empty),
    "kill": (messages.Empty, messages.Empty),
    "delete": (messages.Empty, messages.Empty),
    "pause": (messages.Empty, messages.Empty),
    "unpause": (messages.Empty, messages.Empty),
    "reset": (messages.Empty, messages.Empty),
    "soft_reboot": (messages.Empty, messages.Empty),
    "receive": (messages.ReceiveRequest, messages.Empty),
    "migrate": (migration.MigrateRequest, messages.Empty),
    "abort_migration": (messages.Empty, messages.Empty),
    "complete_migration": (messages.Empty, messages.Empty),
    "take_over": (migration.TakeOverRequest, messages.DomainReport),
    "wind": (messages.WindRequest, messages.Empty),
    "stats": (messages.Empty, messages.DomainStats),
    "ping": (messages.Empty, messages.Empty),
    "guest_info": (messages.Empty, agent.GuestInfo),
    "freeze": (agent.FreezeRequest, messages.Empty),
    "unfreeze": (messages.Empty, messages.Empty),
    "guest_ping": (agent.PingRequest, messages.Empty),
    "guest_exec": (agent.ExecRequest, agent.ExecReply),
}
"""Method name to (request, reply)."""
EVENTS = "events"
"""The one streaming method: Empty in, DomainReport after DomainReport out."""


class Outcome(enum.IntEnum):
    """What an Answer's body is: the reply, or a sentence."""

    DONE = 0
    REFUSED = 1
    """The launcher cannot, for a reason that its user can understand."""
    NOT_UNDERSTOOD = 2
    """No such method, or a request that does not decode."""


class Request(msgspec.Struct, frozen=True, array_like=True):
    """The first and only frame of a client."""

    method: str
    body: bytes


class Answer(msgspec.Struct, frozen=True, array_like=True):
    """A frame of the server."""

    outcome: Outcome
    body: bytes


class TooLarge(ValueError):
    """A frame over the limit."""


M = TypeVar("M", bound=Message)


def frame(content: Request | Answer) -> bytes:
    """The bytes to send. Raises TooLarge."""
    payload = msgspec.msgpack.encode(content)
    if len(payload) > MAX_FRAME:
        raise TooLarge(f"a frame of {len(payload)} bytes, at most {MAX_FRAME} are allowed")
    return LENGTH.pack(len(payload)) + payload


def length(head: bytes) -> int:
    """How many bytes follow the four of `head`. Raises TooLarge."""
    (size,) = LENGTH.unpack(head)
    if size > MAX_FRAME:
        raise TooLarge(f"a frame of {size} bytes, at most {MAX_FRAME} are allowed")
    return int(size)


def encode(message: Message) -> bytes:
    """Message to bytes."""
    return msgspec.msgpack.encode(message)


def decoder(kind: type[M]) -> Callable[[bytes], M]:
    """A function from bytes to `kind`; raises msgspec.MsgspecError (a ValueError) on anything else."""
    inner = msgspec.msgpack.Decoder(kind)
    limit = MAX_REPORT if kind in (messages.DomainReport, messages.DomainStats) else MAX_MESSAGE

    def decode(data: bytes) -> M:
        if len(data) > limit:
            raise msgspec.ValidationError(f"{kind.__name__} of {len(data)} bytes, at most {limit} are allowed")
        message: M = inner.decode(data)
        if isinstance(message, messages.HelloRequest | messages.CapabilityCache):
            _check_cache(message)
        return message

    return decode


def _check_cache(message: Any) -> None:
    files = message.capability_cache if isinstance(message, messages.HelloRequest) else message.files
    size = sum(len(content) for content in files.values())
    if len(files) > MAX_CACHE_FILES or size > MAX_CACHE_BYTES:
        raise msgspec.ValidationError(f"capability cache of {len(files)} files and {size} bytes is too large")


def body(answer: Answer, method: str) -> bytes:
    """The reply in an answer to `method`. Raises LauncherRefused and ProtocolError where it is a sentence."""
    if answer.outcome is Outcome.DONE:
        return answer.body
    sentence = answer.body[:MAX_SENTENCE].decode(errors="replace")
    if answer.outcome is Outcome.NOT_UNDERSTOOD:
        raise ProtocolError(f"{method}: {sentence}")
    raise SyncError(sentence) if method == "sync" else LauncherRefused(sentence)


def receive(connection: socket.socket) -> bytes:
    """The payload of one frame, from a blocking socket. Raises OSError, EOFError and TooLarge."""
    return _exactly(connection, length(_exactly(connection, LENGTH.size)))


def _exactly(connection: socket.socket, size: int) -> bytes:
    content = bytearray()
    while len(content) < size:
        part = connection.recv(min(size - len(content), 1 << 16))
        if not part:
            raise EOFError("the connection ended within a frame")
        content += part
    return bytes(content)
