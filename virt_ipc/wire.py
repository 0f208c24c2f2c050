"""Names, limits and encoding of the launcher's gRPC service. Both ends refuse what is larger than the limits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from virt_ipc import messages

SERVICE = "podvirt.launcher.v1.Launcher"
MAX_MESSAGE = 4 << 20
"""Bytes of any message: a VMI fits in etcd's 1.5 MiB, a capability cache is 0.14 MiB a file."""
MAX_REPORT = 256 << 10
"""Bytes of a DomainReport, which arrives unasked."""
MAX_CACHE_FILES = 4
MAX_CACHE_BYTES = 2 << 20

UNARY: dict[str, tuple[type[messages.Message], type[messages.Message]]] = {
    "Hello": (messages.HelloRequest, messages.HelloReply),
    "Sync": (messages.SyncRequest, messages.DomainReport),
    "CapabilityCache": (messages.Empty, messages.CapabilityCache),
    "Shutdown": (messages.Empty, messages.Empty),
    "Kill": (messages.Empty, messages.Empty),
    "Delete": (messages.Empty, messages.Empty),
    "Pause": (messages.Empty, messages.Empty),
    "Unpause": (messages.Empty, messages.Empty),
    "Reset": (messages.Empty, messages.Empty),
    "SoftReboot": (messages.Empty, messages.Empty),
    "Ping": (messages.Empty, messages.Empty),
}
"""Method name to (request, reply)."""
EVENTS = "Events"
"""The one streaming method: Empty in, DomainReport after DomainReport out."""

CHANNEL_OPTIONS = [
    ("grpc.max_receive_message_length", MAX_MESSAGE),
    ("grpc.max_send_message_length", MAX_MESSAGE),
    ("grpc.use_local_subchannel_pool", 1),
]

M = TypeVar("M", bound=messages.Message)


def encode(message: messages.Message) -> bytes:
    """Message to bytes."""
    return msgspec.msgpack.encode(message)


def decoder(kind: type[M]) -> Callable[[bytes], M]:
    """A function from bytes to `kind`; raises msgspec.MsgspecError (a ValueError) on anything else."""
    inner = msgspec.msgpack.Decoder(kind)
    limit = MAX_REPORT if kind is messages.DomainReport else MAX_MESSAGE

    def decode(data: bytes) -> M:
        if len(data) > limit:
            raise msgspec.ValidationError(f"{kind.__name__} of {len(data)} bytes, at most {limit} are allowed")
        message: M = inner.decode(data)
        if isinstance(message, (messages.HelloRequest, messages.CapabilityCache)):
            _check_cache(message)
        return message

    return decode


def _check_cache(message: Any) -> None:
    files = message.capability_cache if isinstance(message, messages.HelloRequest) else message.files
    size = sum(len(content) for content in files.values())
    if len(files) > MAX_CACHE_FILES or size > MAX_CACHE_BYTES:
        raise msgspec.ValidationError(f"capability cache of {len(files)} files and {size} bytes is too large")
