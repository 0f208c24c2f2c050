"""Work in the network namespace of a pod, from a thread of our own that lives as long as the work.

A namespace is entered by one thread only: sockets made there stay in the pod's network after the thread is gone, and
no other thread of the agent ever sees it. The namespace is opened through the process that listens on the launcher's
socket; that its connection still stands afterwards proves that the process id was not reused meanwhile.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import socket
import struct
import threading
from collections.abc import Callable
from typing import TypeVar

from msgspec import Struct

from virt_handler.adapters.safe_path import open_beneath

Result = TypeVar("Result")

_CLONE_NEWNET = 0x40000000
_RESOLV_CONF_LIMIT = 16 * 1024
_PEER_CREDENTIALS = struct.Struct("iII")
_LIBC = ctypes.CDLL(None, use_errno=True)


class NamespaceError(OSError):
    """The network namespace of a launcher cannot be entered."""


def peer_pid(socket_path: str) -> tuple[socket.socket, int]:
    """(connection, process id of the listener) of a Unix socket; the caller closes the connection."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        connection.settimeout(2.0)
        connection.connect(socket_path)
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER_CREDENTIALS.size)
    except OSError:
        connection.close()
        raise
    pid, _uid, _gid = _PEER_CREDENTIALS.unpack(credentials)
    return connection, pid


class PodDoor(Struct, frozen=True, kw_only=True):
    """The way into a pod: a descriptor of its network namespace (the holder closes it) and its resolv.conf."""

    namespace: int
    resolv_conf: str


def open_door(socket_path: str) -> PodDoor:
    """The door to the pod of the process that listens on `socket_path`."""
    connection, pid = peer_pid(socket_path)
    with connection:
        if pid <= 0:
            raise NamespaceError("the launcher's process is in another process namespace (is hostPID set?)")
        descriptor = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            text = _resolv_conf(pid)
            _check(connection, descriptor)
        except OSError:
            os.close(descriptor)
            raise
    return PodDoor(namespace=descriptor, resolv_conf=text)


def _resolv_conf(pid: int) -> str:
    try:
        descriptor = open_beneath(f"/proc/{pid}/root", "etc/resolv.conf", os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return ""
    with open(descriptor, encoding="utf-8", errors="replace") as file:
        return file.read(_RESOLV_CONF_LIMIT)


def _check(connection: socket.socket, descriptor: int) -> None:
    connection.setblocking(False)
    try:
        if connection.recv(1, socket.MSG_PEEK) == b"":
            raise NamespaceError("the launcher went away while its network was being opened")
    except BlockingIOError:
        pass  # alive and silent
    if os.fstat(descriptor).st_ino == os.stat("/proc/self/ns/net").st_ino:
        raise NamespaceError("the launcher has no network of its own")


def enter(descriptor: int) -> None:
    """Move the calling thread into the namespace. Never on a thread that does anything else afterwards."""
    if _LIBC.setns(descriptor, _CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise NamespaceError(number, f"cannot enter the pod's network: {os.strerror(number)}")


async def run_inside(descriptor: int, work: Callable[[], Result]) -> Result:
    """The result of `work()`, called on a fresh thread inside the namespace."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Result] = loop.create_future()

    def settle(result: Result | None, error: BaseException | None) -> None:
        if done.cancelled():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)  # type: ignore[arg-type]

    def thread() -> None:
        try:
            enter(descriptor)
            result = work()
        except BaseException as error:  # carried to the caller, whatever it is
            loop.call_soon_threadsafe(settle, None, error)
        else:
            loop.call_soon_threadsafe(settle, result, None)

    threading.Thread(target=thread, name="pod-network", daemon=True).start()
    return await done
