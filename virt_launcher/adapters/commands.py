"""Helper processes: several at once, each with its end awaited and its words kept."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import msgspec

from virt_launcher.plan.cloud_init import Disk
from virt_launcher.plan.refusal import CannotBuild

TIMEOUT = 40.0
"""Seconds for all of them together; each takes milliseconds on a machine that is not overloaded."""
MAX_WORDS = 500
_ISOLATED = ("-S", "-s", "-P", *(["-" + "O" * sys.flags.optimize] if sys.flags.optimize else []))
"""A helper in Python finds what we find and nothing else, compiled as we are."""


class Commands:
    """Starts at once what does not depend on one another; `finish` waits for all."""

    def __init__(self) -> None:
        self._running: list[tuple[str, subprocess.Popen[bytes]]] = []

    def overlay(self, what: str, path: str, backing: str, backing_format: str, size: int) -> None:
        """An empty qcow2 over a backing file, which qemu-img is told not to open."""
        self._qemu_img(what, path, size, "-u", "-b", backing, "-F", backing_format)

    def empty(self, what: str, path: str, size: int) -> None:
        """An empty qcow2."""
        self._qemu_img(what, path, size)

    def iso(self, what: str, path: str, disk: Disk) -> None:
        """A cloud-init image."""
        os.makedirs(os.path.dirname(path), exist_ok=True)
        process = self._start(what, [sys.executable, *_ISOLATED, "-m", "virt_launcher.cloudinit_iso", path])
        assert process.stdin is not None
        with process.stdin as pipe:
            pipe.write(msgspec.msgpack.encode({"label": disk.label, "files": disk.files}))

    def finish(self) -> None:
        """Wait for all. Raises CannotBuild with the words of the first that failed; none is left running."""
        deadline = time.monotonic() + TIMEOUT
        failed: list[str] = []
        for what, process in self._running:
            try:
                code = process.wait(max(deadline - time.monotonic(), 0.0))
            except subprocess.TimeoutExpired:
                process.kill()
                code = process.wait()
            assert process.stderr is not None
            with process.stderr as pipe:
                words = pipe.read(MAX_WORDS).decode(errors="replace").strip()
            if code:
                failed.append(f"{what}: {words or f'the helper ended with code {code}'}")
        self._running.clear()
        if failed:
            raise CannotBuild(failed[0])

    def _qemu_img(self, what: str, path: str, size: int, *options: str) -> None:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        self._start(what, ["qemu-img", "create", "-q", "-f", "qcow2", *options, path, str(size)])

    def _start(self, what: str, arguments: list[str]) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            arguments,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        )
        self._running.append((what, process))
        return process
