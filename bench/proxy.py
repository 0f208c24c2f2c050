"""A raw TCP proxy to compare with: `python3 -m bench.proxy HOST:PORT` or `… PATH` of a Unix socket; prints its port.

Bytes are copied by a thread for each direction, and looked at by nobody.
"""

import contextlib
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

CHUNK = 1 << 18  # bytes


def _copy(source: socket.socket, sink: socket.socket) -> None:
    buffer = bytearray(CHUNK)
    with memoryview(buffer) as view, contextlib.suppress(OSError):
        while count := source.recv_into(view):
            sink.sendall(view[:count])
    for each in (source, sink):
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)


def _dial(target: str) -> socket.socket:
    if target.startswith("/"):
        made = socket.socket(socket.AF_UNIX)
        made.connect(target)
        return made
    host, _, port = target.rpartition(":")
    return socket.create_connection((host, int(port)))


def main(target: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        print(server.getsockname()[1], flush=True)
        while True:
            here, there = server.accept()[0], _dial(target)
            for pair in ((here, there), (there, here)):
                threading.Thread(target=_copy, args=pair, daemon=True).start()


@contextlib.contextmanager
def proxy(target: str) -> Iterator[int]:
    """One in a process of its own; gives its port."""
    command = [sys.executable, "-m", "bench.proxy", target]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()


if __name__ == "__main__":
    main(sys.argv[1])
