"""A person, and a script, at a console."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import subprocess
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.virtctl.api_server import REPOSITORY, ApiServer, api_server, command, virtctl

ESCAPE = b"\x1d"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ApiServer]:
    with api_server(tmp_path) as made:
        yield made


class Person:
    """Someone at a terminal of their own in which a command runs."""

    def __init__(self, words: list[str]) -> None:
        self.terminal, inner = pty.openpty()
        self.before = termios.tcgetattr(self.terminal)
        self.process = subprocess.Popen(words, cwd=REPOSITORY, stdin=inner, stdout=inner, stderr=inner)
        os.close(inner)
        self.seen = b""

    def sees(self, wanted: bytes, seconds: float = 15) -> None:
        deadline = time.monotonic() + seconds
        while wanted not in self.seen:
            left = deadline - time.monotonic()
            assert left > 0, f"{wanted!r} did not appear: {self.seen!r}"
            if select.select([self.terminal], [], [], left)[0]:
                with contextlib.suppress(OSError):
                    self.seen += os.read(self.terminal, 4096)

    def types(self, keys: bytes) -> None:
        os.write(self.terminal, keys)


def test_keys_reach_the_guest_raw_and_the_terminal_is_given_back(server: ApiServer) -> None:
    person = Person(command(server, "console", "a"))
    person.sees(b"Successfully connected to a console. Press Ctrl+] or Ctrl+5 to exit console.")
    person.sees(b"welcome")
    for keys in (b"ls\r", b"\x03", b"\x04"):
        person.types(keys)
        person.sees(b"<" + keys + b">")
    person.types(b"tail" + ESCAPE)
    assert person.process.wait(10) == 0
    assert termios.tcgetattr(person.terminal) == person.before
    os.close(person.terminal)


def test_a_terminal_is_given_back_to_who_ends_the_command(server: ApiServer) -> None:
    person = Person(command(server, "console", "a"))
    person.sees(b"welcome")
    person.process.terminate()
    assert person.process.wait(10) == 1
    assert termios.tcgetattr(person.terminal) == person.before
    os.close(person.terminal)


def test_nothing_to_read_from_is_the_end_of_the_input(server: ApiServer) -> None:
    words = " ".join(command(server, "console", "a"))
    done = subprocess.run(["sh", "-c", f"exec {words} <&-"], cwd=REPOSITORY, capture_output=True, timeout=120)
    assert (done.returncode, b"Traceback" in done.stderr) == (0, False), done.stderr


def test_a_script_talks_through_a_pipe(server: ApiServer) -> None:
    process = subprocess.Popen(
        command(server, "console", "a", "-n", "ns"), cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin and process.stdout
    assert process.stdout.readline() == b"welcome\r\n"
    process.stdin.write(b"uname\n")
    process.stdin.flush()
    assert process.stdout.readline() + process.stdout.read(1) == b"<uname\n>"
    process.stdin.close()
    assert process.wait(10) == 0
    assert server.headers[0]["Authorization"] == "Bearer sesame"
    process.stdout.close()


def test_a_guest_that_ends_ends_the_console(server: ApiServer) -> None:
    process = subprocess.Popen(
        command(server, "console", "a"), cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin and process.stdout
    process.stdin.write(b"bye\n")
    process.stdin.flush()
    assert process.wait(10) == 0
    process.stdin.close()
    process.stdout.close()


def test_a_lost_connection_is_told(server: ApiServer) -> None:
    process = subprocess.Popen(
        command(server, "console", "a"),
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin
    process.stdin.write(b"crash\n")
    process.stdin.flush()
    assert process.wait(10) == 1
    _, said = process.communicate()
    assert b"You were disconnected from the console." in said
    assert said.splitlines()[-1] == b"websocket: close 1006 (abnormal closure): unexpected EOF"


def test_a_guest_that_does_not_run_yet_is_waited_for(server: ApiServer) -> None:
    server.too_early = 1
    assert virtctl(server, "console", "a").stdout.endswith("") and server.too_early == 0
    assert len(server.headers) == 2


@pytest.mark.parametrize(
    ("status", "line"),
    [
        (404, "Virtual Machine not found."),
        (500, "Websocket failed due to internal server error."),
        (409, "Websocket failed with http status: 409 Conflict"),
        (401, "Websocket failed with http status: 401 Unauthorized"),
    ],
)
def test_why_there_is_no_console(server: ApiServer, status: int, line: str) -> None:
    server.console_status = status
    done = virtctl(server, "console", "a")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", line + "\n")


def test_waiting_has_an_end(server: ApiServer) -> None:
    server.too_early = 10**6
    done = virtctl(server, "console", "a", "--timeout=0")
    assert (done.returncode, done.stderr) == (1, "Timeout trying to connect to the virtual machine instance\n")
