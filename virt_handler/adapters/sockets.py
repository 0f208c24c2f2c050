"""Waits for the sockets of launchers to appear, without polling: one inotify watch per awaited pod.

The kubelet makes `<pods>/<uid>/volumes/kubernetes.io~empty-dir/sockets` step by step, and the launcher renames its
socket into it when it answers. The deepest directory that exists is watched; each wake-up goes one step further.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable

from virt_handler.adapters.inotify import Watcher
from virt_handler.adapters.safe_path import launcher_socket, open_beneath


class SocketFinder:
    """`on_change(pod_uid)` is called when an awaited pod may have got its socket."""

    def __init__(self, pods_dir: str, watcher: Watcher, on_change: Callable[[str], None]) -> None:
        self._pods_dir, self._watcher, self._on_change = pods_dir, watcher, on_change
        self._watches: dict[str, int] = {}

    def open(self, pod_uid: str) -> int | None:
        """A descriptor (O_PATH) of the launcher's socket, or None when it is not there (yet)."""
        try:
            descriptor = open_beneath(self._pods_dir, launcher_socket(pod_uid))
        except OSError:
            return None
        if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            return None
        return descriptor

    def path(self, pod_uid: str) -> str:
        """Where the socket is, for people."""
        return f"{self._pods_dir}/{launcher_socket(pod_uid)}"

    def pod_directory_exists(self, pod_uid: str) -> bool:
        return os.path.isdir(f"{self._pods_dir}/{pod_uid}")

    def await_socket(self, pod_uid: str) -> None:
        """Watch until `forget`. Call again after each wake-up."""
        parts = launcher_socket(pod_uid).split("/")[:-1]
        for depth in range(len(parts), -1, -1):
            try:
                directory = open_beneath(self._pods_dir, "/".join(parts[:depth]) or ".", os.O_PATH | os.O_DIRECTORY)
            except OSError:
                continue
            try:
                self._watch(pod_uid, directory, shared=depth == 0)
            finally:
                os.close(directory)
            return

    def _watch(self, pod_uid: str, directory: int, shared: bool) -> None:
        if shared:
            self._watcher.watch(directory, self._wake_all)
            self._watches[pod_uid] = -1
            return
        number = self._watcher.watch(directory, lambda: self._on_change(pod_uid))
        old = self._watches.get(pod_uid)
        self._watches[pod_uid] = number
        if old is not None and old not in (number, -1):
            self._watcher.forget(old)

    def _wake_all(self) -> None:
        for pod_uid in [uid for uid, number in self._watches.items() if number == -1]:
            self._on_change(pod_uid)

    def forget(self, pod_uid: str) -> None:
        number = self._watches.pop(pod_uid, None)
        if number is not None and number != -1:
            self._watcher.forget(number)
