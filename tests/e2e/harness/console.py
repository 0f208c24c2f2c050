"""A person at a guest's serial console, through `virtctl console`."""

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from .cluster import REPO, Cluster
from .waiting import until

LOGIN = "login:"
PROMPT = "# "


class Console:
    """Context manager; `text` holds what was printed so far, without control sequences. `virtctl`: whose it is."""

    def __init__(
        self, cluster: Cluster, namespace: str, name: str, virtctl: Sequence[str] = (sys.executable, "-m", "virtctl")
    ) -> None:
        self.name = name
        command = [*virtctl, "--kubeconfig", cluster.kubeconfig, "-n", namespace, "console", name]
        self.process = subprocess.Popen(
            command, cwd=REPO, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        assert self.process.stdout
        os.set_blocking(self.process.stdout.fileno(), False)
        self.raw = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait(10)

    @property
    def text(self) -> str:
        assert self.process.stdout
        self.raw += self.process.stdout.read() or b""
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.raw.decode(errors="replace")).replace("\r", "")

    def send(self, line: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def expect(self, pattern: str, seconds: float = 60.0) -> str:
        """Everything printed up to and with `pattern` (a regular expression); it is taken off the text."""

        def probe() -> str | None:
            text = self.text
            found = re.search(pattern, text)
            if not found:
                if self.process.poll() is not None:
                    raise AssertionError(f"console of {self.name} closed before {pattern!r}: {text[-800:]!r}")
                return None
            self.raw = text[found.end() :].encode()
            return text[: found.end()]

        try:
            return until(f"{pattern!r} on the console of {self.name}", probe, seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}; console said: {self.text[-1500:]!r}") from None

    def login(self, seconds: float = 120.0, user: str = "root", password: str | None = "podvirt") -> None:
        """From whatever the console shows to a shell prompt."""
        self.send("")
        seen = self.expect(rf"{LOGIN}|{PROMPT}", seconds)
        if seen.endswith(PROMPT):
            return
        self.send(user)
        seen = self.expect(rf"[Pp]assword:|{PROMPT}", 30)
        if not seen.endswith(PROMPT):
            self.send(password or "")
            self.expect(PROMPT, 30)

    def run(self, command: str, seconds: float = 60.0) -> str:
        """Output of a shell command in the guest."""
        self.send(f"echo be''gin; {command}; echo e''nd-$?")
        self.expect(r"begin\n", seconds)
        return self.expect(r"end-\d+", seconds).rsplit("end-", 1)[0].strip()
