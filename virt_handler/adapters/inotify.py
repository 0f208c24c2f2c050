"""Wake-ups from the kernel when a directory gets a new entry, delivered on the agent's loop."""

from __future__ import annotations

import asyncio
import ctypes
import os
import struct
from collections.abc import Callable

from virt_handler.adapters.safe_path import by_descriptor

_CREATE, _MOVED_TO, _DELETE_SELF, _ONLY_DIRECTORY = 0x100, 0x80, 0x400, 0x01000000
_IGNORED = 0x8000
_EVENT = struct.Struct("iIII")
_LIBC = ctypes.CDLL(None, use_errno=True)

Wake = Callable[[], None]


class Watcher:
    """Each directory has one function that is called whenever something appears in it, or it vanishes."""

    def __init__(self) -> None:
        self._descriptor = _LIBC.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._descriptor < 0:
            number = ctypes.get_errno()
            raise OSError(number, f"inotify: {os.strerror(number)}")
        self._wakes: dict[int, Wake] = {}
        asyncio.get_running_loop().add_reader(self._descriptor, self._readable)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._descriptor)
        os.close(self._descriptor)

    def watch(self, directory: int, wake: Wake) -> int:
        """Watch the directory behind a descriptor; gives a number for `forget`. One watch per directory."""
        path = by_descriptor(directory).encode()
        mask = _CREATE | _MOVED_TO | _DELETE_SELF | _ONLY_DIRECTORY
        number: int = _LIBC.inotify_add_watch(self._descriptor, path, mask)
        if number < 0:
            error = ctypes.get_errno()
            raise OSError(error, f"inotify: {os.strerror(error)}")
        self._wakes[number] = wake
        return number

    def forget(self, number: int) -> None:
        if self._wakes.pop(number, None) is not None:
            _LIBC.inotify_rm_watch(self._descriptor, number)

    def _readable(self) -> None:
        try:
            data = os.read(self._descriptor, 64 * 1024)
        except BlockingIOError:
            return
        woken: set[int] = set()
        at = 0
        while at + _EVENT.size <= len(data):
            number, mask, _cookie, length = _EVENT.unpack_from(data, at)
            at += _EVENT.size + length
            woken.add(number)
            if mask & _IGNORED and (wake := self._wakes.pop(number, None)):
                wake()
                woken.discard(number)
        for number in woken:
            if wake := self._wakes.get(number):
                wake()
