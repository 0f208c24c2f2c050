"""Live migrations: a guest that moves between two nodes by podvirt, and one between two bare QEMUs there, in turns."""

import argparse
import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, dataclass
from typing import Any

from bench import course, loads
from bench.ends import local, web
from bench.figures import p50, p95, table
from bench.flood import flood
from bench.loads import LOADS, Load
from bench.manners import manners
from bench.mover import PRIVATE, Listener, Mover
from bench.pair import Hop, Pair, Place
from bench.processes import MIB, commands_of, cpu_seconds
from bench.subjects import VMIS, Moments, guest, laboratory
from bench.ticks import Standstill
from virt_runtime import access
from virt_runtime.kube import KubeClient
from virt_runtime.resources import PODS, Json

FLOOD_BYTES = 1 << 30


@dataclass(frozen=True)
class Round:
    """One move by podvirt and one between bare QEMUs; seconds."""

    steps: dict[str, float]
    """Of podvirt's, since the migration's creation."""
    still: Standstill
    downtime: float
    """As libvirt has it: until all of the guest is at the target, where it still stands."""
    sent: int
    """Bytes."""
    bare: Hop
    bare_still: Standstill
    raw: float
    """Bytes a second of a TCP stream beside."""
    agents: float
    """Seconds of processor that both agents took meanwhile, for all that they did."""

    @property
    def rate(self) -> float:
        """Bytes a second."""
        return self.sent / self.data

    @property
    def agents_per_gib(self) -> float:
        return self.agents * (1 << 30) / self.sent

    @property
    def data(self) -> float:
        """From the moment when both QEMUs are there until all has arrived."""
        return self.steps["received"] - self.steps["target's QEMU"]


async def _agents(kube: KubeClient) -> list[Json]:
    return await kube.list(PODS, "kubevirt", label_selector="kubevirt.io=virt-handler")


async def _places(kube: KubeClient, source: str) -> tuple[Place, Place]:
    """On the node where the guest is, and on the other one: the networks of the virt-handlers, who relay migrations."""
    found = {}
    for pod in await _agents(kube):
        process = next(iter(commands_of(pod["metadata"]["uid"])))
        found[pod["spec"]["nodeName"]] = Place(pod["status"]["podIP"], f"/proc/{process}/ns/net")
    here = found.pop(source)
    return here, next(iter(found.values()))


def _vmi(name: str, load: Load) -> Json:
    """Its disk cannot be written: nothing but memory has to be moved, as between the bare QEMUs."""
    body = guest(name, load.memory)
    body["spec"]["domain"]["devices"]["disks"][0]["disk"]["readonly"] = True
    return body


@contextlib.asynccontextmanager
async def _guests(
    kube: KubeClient, kubeconfig: str, namespace: str, load: Load, moments: Moments, ears: tuple[Listener, Listener]
) -> AsyncIterator[tuple[Mover, Pair, tuple[Place, Place]]]:
    """podvirt's and the bare one, both with their load taken up; both run."""
    name = "mover-" + "".join(each for each in load.name.lower() if each.isalnum())
    await kube.create(VMIS, namespace, _vmi(name, load))
    await moments.reached([name], "Ready", 180)
    vmi = await kube.get(VMIS, namespace, name)
    async with course.course(kube, namespace) as seen:
        mover = Mover(kube, namespace, vmi, seen)
        mover.pod = moments.pods[name]
        ears[0].attend(mover.console_log(mover.pod[1]))
        stream = f"/apis/subresources.kubevirt.io/v1/namespaces/{namespace}/virtualmachineinstances/{name}/console"
        async with web(access.load(kubeconfig), stream) as console:
            await loads.begin(console, load)
        await mover.stand("pause")
        command = next(words for words in commands_of(mover.pod[1]).values() if "/qemu-system-" in words[0])
        places = await _places(kube, vmi["status"]["nodeName"])
        pair = Pair(command, f"/{PRIVATE}/{vmi['metadata']['uid']}", places)
        try:
            log = await pair.start(mover.inside(mover.pod[1]))
            ears[1].attend(log)
            async with local(str(log).removesuffix("-log")) as console:
                await loads.begin(console, load)
            yield mover, pair, places
        finally:
            await pair.end()
    await kube.delete(VMIS, namespace, name)
    await moments.reached([name], "gone", 120)


async def _rounds(
    kube: KubeClient, kubeconfig: str, namespace: str, load: Load, moments: Moments, count: int
) -> list[Round]:
    rounds = []
    agents = [pod["metadata"]["uid"] for pod in await _agents(kube)]
    async with asyncio.TaskGroup() as tasks:
        ears = Listener(tasks), Listener(tasks)
        async with _guests(kube, kubeconfig, namespace, load, moments, ears) as (mover, pair, places):
            for _ in range(count):
                await pair.here.ask("stop")
                await mover.stand("unpause")
                await ears[0].settled()
                before = cpu_seconds(agents)
                steps, figures = await mover.move(ears[0].attend)
                used = cpu_seconds(agents) - before
                still = await ears[0].moved()
                await mover.stand("pause")
                raw = await flood(*places, FLOOD_BYTES)
                await pair.here.ask("cont")
                await ears[1].settled()
                ears[1].attend(await pair.start(mover.inside(mover.pod[1])))
                hop = await pair.hop()
                bare_still = await ears[1].moved()
                ours = (steps, still, figures["downtime_ms"] / 1000, figures["sent_bytes"])
                rounds.append(Round(*ours, hop, bare_still, raw, used))
        for each in ears:
            each.close()
    return rounds


def _phases(load: Load, rounds: list[Round]) -> dict[str, tuple[float, float]]:
    """Steps in their order; two that different people see can change places."""
    each = {step: [one.steps[step] for one in rounds if step in one.steps] for step in course.STEPS}
    told = {step: (p50(values), p95(values)) for step, values in each.items() if values}
    rows = [(step, *pair) for step, pair in told.items()]
    table(f"{load.name}: from the migration's creation to", ["step", "p50 s", "p95 s"], rows)
    return told


BESIDE: tuple[tuple[str, Callable[[Round], float], Callable[[Round], float]], ...] = (
    ("data phase, s", lambda one: one.data, lambda one: one.bare.data),
    ("clock stood, ms", lambda one: one.still.clock * 1000, lambda one: one.bare_still.clock * 1000),
    ("silent, ms", lambda one: one.still.silence * 1000, lambda one: one.bare_still.silence * 1000),
    ("downtime told, ms", lambda one: one.downtime * 1000, lambda one: one.bare.downtime * 1000),
    ("sent, MiB", lambda one: one.sent / MIB, lambda one: one.bare.sent / MIB),
    ("sent, MiB/s", lambda one: one.rate / MIB, lambda one: one.bare.rate / MIB),
    ("raw TCP beside, MiB/s", lambda one: one.raw / MIB, lambda one: one.raw / MIB),
)


def _beside(load: Load, rounds: list[Round]) -> dict[str, tuple[float, float]]:
    """podvirt's and bare QEMU's."""
    told = {name: (p50([*map(ours, rounds)]), p50([*map(bare, rounds)])) for name, ours, bare in BESIDE}
    rows = [(name, ours, bare, ours / bare) for name, (ours, bare) in told.items()]
    table(f"{load.name}: beside bare QEMU (p50)", ["what", "podvirt", "bare", "ratio"], rows)
    return told


def goals(load: Load, rounds: list[Round], *, tls: bool = True) -> list[tuple[str, float, str]]:
    """What is aimed at, what it is (the middle one of the pairs), and what it shall be; "" where that is not said."""
    of_raw = ">= 0.6" if tls else ">= 0.8"
    rows = [("data phase less 1.2 times bare, s", [each.data - 1.2 * each.bare.data for each in rounds], "<= 0.25")]
    if load.idle:
        rows += [
            ("downtime in times bare", [each.still.clock / each.bare_still.clock for each in rounds], "<= 1.3"),
            ("Succeeded, s", [each.steps["Succeeded"] for each in rounds], "<= 1.7"),
        ]
    if load.dense:
        rows += [
            ("rate in parts of raw TCP", [each.rate / each.raw for each in rounds], of_raw),
            ("rate in parts of bare QEMU's", [each.rate / each.bare.rate for each in rounds], ""),
            ("both agents' CPU for a GiB, s", [each.agents_per_gib for each in rounds], ""),
        ]
    return [(what, p50(values), goal) for what, values, goal in rows]


async def measure(kubeconfig: str, options: argparse.Namespace) -> dict[str, Any]:
    namespace = f"bench-migrate-{int(time.time())}"
    figures: dict[str, Any] = {}
    tls = not options.migrations.get("disableTLS")
    async with (
        KubeClient.connect(kubeconfig, "bench") as kube,
        manners(kube, options.migrations),
        laboratory(kube, namespace) as moments,
    ):
        for load in LOADS:
            if options.load not in load.name:
                continue
            rounds = await _rounds(kube, kubeconfig, namespace, load, moments, options.count)
            told: dict[str, Any] = {
                "phases": _phases(load, rounds),
                "beside": _beside(load, rounds),
                "goals": goals(load, rounds, tls=tls),
            }
            table(f"{load.name}: goals", ["what", "p50", "goal"], told["goals"])
            figures[load.name] = {**told, "rounds": [asdict(each) for each in rounds]}
    return figures
