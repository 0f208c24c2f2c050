"""A raw TCP stream between two network namespaces: what the veth carries when nobody looks at the bytes.

`python3 -m bench.flood receive ADDRESS` prints its port, and at the end bytes a second; the other end is
`send ADDRESS PORT BYTES`.
"""

import asyncio
import socket
import sys
import time

from bench.pair import Place

CHUNK = 1 << 20  # bytes


def receive(address: str) -> None:
    with socket.create_server((address, 0)) as server:
        print(server.getsockname()[1], flush=True)
        with server.accept()[0] as connection, memoryview(bytearray(CHUNK)) as view:
            began, total = time.perf_counter(), 0
            while count := connection.recv_into(view):
                total += count
            print(total / (time.perf_counter() - began))


def send(address: str, port: int, total: int) -> None:
    data = bytes(CHUNK)
    with socket.create_connection((address, port)) as connection:
        for _ in range(total // CHUNK):
            connection.sendall(data)


async def flood(source: Place, target: Place, total: int) -> float:
    """Bytes a second from one node to the other."""

    async def inside(place: Place, *words: str) -> asyncio.subprocess.Process:
        command = ["nsenter", f"--net={place.network}", sys.executable, "-m", "bench.flood", *words]
        return await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)

    receiver = await inside(target, "receive", target.address)
    assert receiver.stdout
    port = (await receiver.stdout.readline()).decode().strip()
    sender = await inside(source, "send", target.address, port, str(total))
    rate, _ = await receiver.communicate()
    await sender.wait()
    return float(rate)


if __name__ == "__main__":
    what, *words = sys.argv[1:]
    if what == "receive":
        receive(words[0])
    else:
        send(words[0], int(words[1]), int(words[2]))
