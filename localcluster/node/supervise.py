"""Starts the components of a node, each when what it needs answers, and starts again what ends."""

from __future__ import annotations

import os
import resource
import signal
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from localcluster.render.places import BIN, CONTAINERD, LOGS, PKI

TICK_SECONDS = 0.1
BACK_OFF_SECONDS = 1.0
STOP_SECONDS = 8.0
LOG_BYTES = 50_000_000
"""A log longer than this is set aside (one generation) when its component starts."""


class Gates:
    """What must answer before a component may start. Once open, a gate stays open until the node ends."""

    def __init__(self, api: str) -> None:
        self._probes: dict[str, Callable[[], bool]] = {"api": lambda: _api_ready(api), "containerd": _containerd_ready}
        self._open: set[str] = set()

    def all_open(self, names: list[str]) -> bool:
        for name in names:
            if name not in self._open:
                if not self._probes[name]():
                    return False
                self._open.add(name)
        return True


def _api_ready(api: str) -> bool:
    trust = ssl.create_default_context(cafile=f"{PKI}/ca.crt")
    try:
        with urllib.request.urlopen(f"{api}/readyz", timeout=5, context=trust) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _containerd_ready() -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(CONTAINERD)
        except OSError:
            return False
    return True


class Supervised:
    """One component: its process, and when it may be started again."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.name: str = document["name"]
        self.after: list[str] = list(document["after"])
        self._argv: list[str] = list(document["argv"])
        self._process: subprocess.Popen[bytes] | None = None
        self._not_before = 0.0

    def tend(self, gates: Gates) -> None:
        """Start it if it does not run and may; notice if it ended."""
        if self._process is not None and self._process.poll() is not None:
            print(f"{_now()} {self.name} ended with {self._process.returncode}", flush=True)
            self._process = None
            self._not_before = time.monotonic() + BACK_OFF_SECONDS
        if self._process is None and time.monotonic() >= self._not_before and gates.all_open(self.after):
            self._start()

    def _start(self) -> None:
        place = Path(LOGS, f"{self.name}.log")
        if place.exists() and place.stat().st_size > LOG_BYTES:
            place.rename(place.with_suffix(".log.1"))
        with place.open("ab") as log:
            self._process = subprocess.Popen(
                self._argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, env=_environment()
            )
        print(f"{_now()} {self.name} started", flush=True)

    def ask_to_end(self) -> None:
        if self._process is not None:
            self._process.terminate()

    def wait_for_end(self, deadline: float) -> None:
        """Give it until `deadline` (monotonic), then end it."""
        if self._process is None:
            return
        try:
            self._process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")}
    path = f"{BIN}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return {**kept, "PATH": path, "HOME": "/root", "LANG": "C.UTF-8"}


def _now() -> str:
    return time.strftime("%H:%M:%S")


class _Stopped(Exception):
    """The node was asked to end."""


def _on_signal(number: int, frame: FrameType | None) -> None:
    raise _Stopped


def run_components(documents: list[dict[str, Any]], api: str) -> None:
    """Run until SIGTERM; then end the components, the store that others write to last."""
    _soft_limit, hard_limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard_limit, hard_limit))
    signal.signal(signal.SIGTERM, _on_signal)
    components = [Supervised(document) for document in documents]
    gates = Gates(api)
    try:
        while True:
            for component in components:
                component.tend(gates)
            time.sleep(TICK_SECONDS)
    except _Stopped:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        stores = [component for component in components if component.name == "etcd"]
        _end([component for component in components if component not in stores])
        _end(stores)


def _end(components: list[Supervised]) -> None:
    for component in components:
        component.ask_to_end()
    deadline = time.monotonic() + STOP_SECONDS
    for component in components:
        component.wait_for_end(deadline)
