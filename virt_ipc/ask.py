"""One question to a launcher from a program that does nothing else: without an event loop, which would take longer to
load than the answer takes to come."""

from __future__ import annotations

import socket
from typing import Any

import msgspec

from virt_ipc import wire
from virt_ipc.base import Message
from virt_ipc.errors import LauncherUnreachable, ProtocolError
from virt_ipc.wire import Answer, Request


def ask(path: str, method: str, request: Message, seconds: float) -> Any:
    """The reply of `method` (see `wire.UNARY`) from the launcher behind the socket at `path`. Raises IpcError."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(seconds)
            connection.connect(path)
            connection.sendall(wire.frame(Request(method=method, body=wire.encode(request))))
            answer = msgspec.msgpack.decode(wire.receive(connection), type=Answer)
            return wire.decoder(wire.UNARY[method][1])(wire.body(answer, method))
    except TimeoutError:
        raise LauncherUnreachable(f"{method}: no answer in time") from None
    except (OSError, EOFError) as error:
        raise LauncherUnreachable(f"{method}: {error}") from error
    except (wire.TooLarge, msgspec.MsgspecError) as error:
        raise ProtocolError(f"{method}: {error}") from error
