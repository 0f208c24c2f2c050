"""QEMU's monitor beside libvirt's: while memory arrives libvirt lets nobody do anything with a guest."""

from __future__ import annotations

import json
import queue
import socket
import threading
from collections.abc import Callable
from typing import Any

from virt_ipc.errors import LauncherRefused

MAX_LINE = 1 << 20
ANSWER_SECONDS = 10.0


class Monitor:
    """`told` gets the state of the incoming migration in QEMU's words, and each change, from a thread of ours."""

    def __init__(self, path: str, told: Callable[[str], None]) -> None:
        """Raises OSError where nobody listens there."""
        self._told = told
        self._answers: queue.Queue[dict[str, Any]] = queue.Queue()
        self._asking = threading.Lock()
        self._socket = socket.socket(socket.AF_UNIX)
        try:
            self._socket.connect(path)
        except OSError:
            self._socket.close()
            raise
        threading.Thread(target=self._listen, name="monitor", daemon=True).start()

    def let_run(self) -> None:
        """Start the vCPUs. Raises LauncherRefused."""
        self._ask("cont")

    def press(self) -> None:
        """The power button. Raises LauncherRefused."""
        self._ask("system_powerdown")

    def close(self) -> None:
        """May be repeated."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # QEMU has gone before

    def _ask(self, what: str) -> None:
        with self._asking:
            try:
                self._send(what)
                answer = self._answers.get(timeout=ANSWER_SECONDS)
            except (OSError, queue.Empty) as error:
                raise LauncherRefused("QEMU does not answer") from error
        if "error" in answer:
            raise LauncherRefused(f"QEMU: {answer['error'].get('desc')}")

    def _send(self, what: str) -> None:
        self._socket.sendall(json.dumps({"execute": what}).encode() + b"\n")

    def _listen(self) -> None:
        try:
            with self._socket.makefile("rb") as lines:
                self._send("qmp_capabilities")
                self._send("query-migrate")
                while line := lines.readline(MAX_LINE):
                    self._hear(json.loads(line))
        except (OSError, ValueError):
            return  # QEMU has ended: libvirt tells

    def _hear(self, said: dict[str, Any]) -> None:
        state = said.get("data") if said.get("event") == "MIGRATION" else said.get("return")
        if isinstance(state, dict) and "status" in state:
            self._told(str(state["status"]))
        elif ("return" in said or "error" in said) and self._asking.locked():
            self._answers.put(said)
