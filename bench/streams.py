"""Streams to a guest: console latency, port-forward and screen throughput, each in turn with a raw TCP proxy."""

import argparse
import asyncio
import contextlib
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from statistics import median
from typing import Any

from bench.ends import End, Heard, plain, web
from bench.figures import p50, p95, table
from bench.processes import commands_of
from bench.proxy import proxy
from bench.subjects import VMIS, guest, laboratory
from virt_runtime import access
from virt_runtime.kube import KubeClient

ROUNDS, SECONDS = 3, 5.0
KEYS = 200
SOURCE, SINK = 5001, 5002
LOGIN = (("\n", "login:"), ("root\n", "assword:"), ("podvirt\n", "# "))
SERVE = (
    f"nc -ll -p {SOURCE} -e dd if=/dev/zero bs=64k 2>/dev/null & "
    f"nc -ll -p {SINK} -e dd of=/dev/null bs=64k 2>/dev/null & stty raw -echo; echo read''y; cat\n"
)
NEXT_FRAME = 3
Opened = Callable[[], contextlib.AbstractAsyncContextManager[End]]
Measure = Callable[[End], Awaitable[float]]


async def _prepare(console: End) -> None:
    """Log in, let the guest serve both ports, and repeat what its console is told."""
    heard = Heard(console)
    async with asyncio.timeout(120):
        for words, answer in LOGIN:
            await console.write(words.encode())
            await heard.until(answer.encode())
        await console.write(SERVE.encode())
        await heard.until(b"ready")


async def _echo(console: End) -> list[float]:
    """Seconds until each key comes back."""
    heard, waits = Heard(console), []
    await console.write(b"!")
    await heard.until(b"!")
    for number in range(KEYS):
        key, began = bytes([97 + number % 26]), time.perf_counter()
        await console.write(key)
        await heard.until(key)
        waits.append(time.perf_counter() - began)
    return waits


async def _pull(end: End) -> float:
    """Bytes a second from the guest."""
    await end.read()
    began, total = time.perf_counter(), 0
    while time.perf_counter() < began + SECONDS:
        total += len(await end.read())
    return total / (time.perf_counter() - began)


async def _push(end: End) -> float:
    """Bytes a second to the guest; what fits into buffers on the way was sent before."""
    data = bytes(1 << 16)
    for until in (time.perf_counter() + 1, time.perf_counter() + 1 + SECONDS):
        began, total = time.perf_counter(), 0
        while time.perf_counter() < until:
            await end.write(data)
            total += len(data)
    return total / (time.perf_counter() - began)


async def _frames(end: End) -> float:
    """Bytes a second of whole pictures of the screen, each asked for when the one before has come (RFB 3.8)."""
    heard = Heard(end)
    await end.write(await heard.take(12))
    await heard.take((await heard.take(1))[0])
    await end.write(b"\1")
    await heard.take(4)
    await end.write(b"\1")
    width, height, length = struct.unpack(">HH16xI", await heard.take(24))
    await heard.take(length)
    began, total = time.perf_counter(), 0
    while time.perf_counter() < began + SECONDS:
        await end.write(struct.pack(">BBHHHH", NEXT_FRAME, 0, 0, 0, width, height))
        (rectangles,) = struct.unpack(">2xH", await heard.take(4))
        for _ in range(rectangles):
            wide, high = struct.unpack(">4xHH4x", await heard.take(12))
            total += len(await heard.take(wide * high * 4))
    return total / (time.perf_counter() - began)


async def _compare(measure: Measure, through: Opened, beside: Opened) -> tuple[float, float]:
    """Medians through podvirt and beside it, in turns."""
    figures: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        for into, opened in zip(figures, (through, beside), strict=True):
            async with opened() as end:
                into.append(await measure(end))
    return median(figures[0]), median(figures[1])


def _socket(pod: str, vmi: str, name: str) -> str:
    """A launcher's socket, by UIDs, as seen from this machine, which a local cluster's nodes are namespaces of."""
    process = next(process for process, words in commands_of(pod).items() if "/qemu-system-" in words[0])
    return f"/proc/{process}/root/run/kubevirt-private/{vmi}/{name}"


@contextlib.asynccontextmanager
async def _raw(target: str) -> AsyncIterator[Opened]:
    with proxy(target) as port:
        yield lambda: plain(port)


async def measure(kubeconfig: str, options: argparse.Namespace) -> dict[str, Any]:
    namespace = f"bench-streams-{int(time.time())}"
    to = access.load(kubeconfig)
    one = f"/apis/subresources.kubevirt.io/v1/namespaces/{namespace}/virtualmachineinstances/talker"
    figures: dict[str, Any] = {}
    async with KubeClient.connect(kubeconfig, "bench") as kube, laboratory(kube, namespace) as moments:
        await kube.create(VMIS, namespace, guest("talker"))
        await moments.reached(["talker"], "Ready", 180)
        vmi = await kube.get(VMIS, namespace, "talker")
        address, pod, uid = (
            vmi["status"]["interfaces"][0]["ipAddress"],
            moments.pods["talker"][1],
            vmi["metadata"]["uid"],
        )
        async with web(to, f"{one}/console") as console:
            await _prepare(console)
            through = await _echo(console)
        async with _raw(_socket(pod, uid, "virt-serial0")) as beside, beside() as console:
            alone = await _echo(console)
        rows = [
            (name, p50(waits) * 1000, p95(waits) * 1000) for name, waits in (("podvirt", through), ("raw proxy", alone))
        ]
        table("a key on the console and back", ["through", "p50 ms", "p95 ms"], rows)
        figures["console"] = {name: (middle, high) for name, middle, high in rows}
        subjects: list[tuple[str, Measure, str, str]] = [
            ("port-forward, from the guest", _pull, f"{one}/portforward/{SOURCE}/tcp", f"{address}:{SOURCE}"),
            ("port-forward, to the guest", _push, f"{one}/portforward/{SINK}/tcp", f"{address}:{SINK}"),
            ("screen", _frames, f"{one}/vnc", _socket(pod, uid, "virt-vnc")),
        ]
        rates = []
        for name, rate, path, target in subjects:
            async with _raw(target) as beside:
                ours, raw = await _compare(rate, lambda path=path: web(to, path), beside)  # type: ignore[misc]
            rates.append((name, ours / 2**20, raw / 2**20, ours / raw))
            figures[name] = rates[-1][1:]
        table("throughput", ["stream", "podvirt MiB/s", "raw proxy MiB/s", "ratio"], rates)
        return figures
