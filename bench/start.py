"""From creation to Running: VMs one by one, beside plain pods of the same image in turn, and many at once."""

import argparse
import time
from typing import Any

from bench import bare
from bench.figures import p50, p95, table
from bench.subjects import VMIS, Moments, guest, laboratory, plain_pod
from virt_runtime.kube import KubeClient
from virt_runtime.resources import PODS, Resource

STEPS = ["API", "pod", "scheduled", "sandbox", "container", "Scheduled", "Running", "Ready"]
Life = dict[str, float]


async def _create(kube: KubeClient, res: Resource, namespace: str, body: dict[str, Any], moments: Moments) -> None:
    name = body["metadata"]["name"]
    await moments.note(name, "asked")
    await kube.create(res, namespace, body)
    await moments.note(name, "API")


def _life(moments: Moments, name: str) -> Life:
    """Seconds from the request to each moment."""
    seen = moments.seen[name]
    return {moment: at - seen["asked"] for moment, at in seen.items() if moment != "asked"}


async def _one_by_one(
    kube: KubeClient, namespace: str, moments: Moments, count: int
) -> tuple[list[Life], list[Life], list[bare.Start]]:
    """A guest, then a plain pod, and so on: both meet the same machine."""
    guests, pods, starts = [], [], []
    for turn in range(count):
        await _create(kube, VMIS, namespace, guest(f"turn-{turn}"), moments)
        await moments.reached([f"turn-{turn}"], "Running", 120)
        starts.append(await bare.compare(kube, namespace, moments.pods[f"turn-{turn}"]))
        await kube.delete(VMIS, namespace, f"turn-{turn}")
        await moments.reached([f"turn-{turn}"], "gone", 120)
        guests.append(_life(moments, f"turn-{turn}"))
        await _create(kube, PODS, namespace, plain_pod(f"plain-{turn}"), moments)
        await moments.reached([f"plain-{turn}"], "pod running", 120)
        await kube.delete(PODS, namespace, f"plain-{turn}", grace_seconds=0)
        await moments.reached([f"plain-{turn}"], "gone", 120)
        pods.append(_life(moments, f"plain-{turn}"))
    return guests, pods, starts


async def _at_once(kube: KubeClient, namespace: str, moments: Moments, count: int) -> list[Life]:
    names = [f"many{count}-{i}" for i in range(count)]
    for name in names:
        await _create(kube, VMIS, namespace, guest(name), moments)
    await moments.reached(names, "Running", 900)
    for name in names:
        await kube.delete(VMIS, namespace, name)
    await moments.reached(names, "gone", 600)
    return [_life(moments, name) for name in names]


def _tell(title: str, lives: list[Life], steps: list[str]) -> dict[str, tuple[float, float]]:
    figures = {step: [life[step] for life in lives if step in life] for step in steps}
    told = {step: (p50(values), p95(values)) for step, values in figures.items() if values}
    table(title, ["from request to", "p50 s", "p95 s"], [(step, *pair) for step, pair in told.items()])
    return told


def _beside_bare(starts: list[bare.Start]) -> dict[str, float]:
    """From the start of the process to a running guest: the launcher's, and QEMU's alone."""
    launcher, alone = p50([each.launcher for each in starts]), p50([each.bare for each in starts])
    more = p50([each.launcher - each.bare for each in starts])
    table(
        "from exec to a running guest", ["what", "p50 s"],
        [("launcher", launcher), ("bare QEMU of the same command line", alone), ("launcher's more, in pairs", more)],
    )  # fmt: skip
    return {"launcher": launcher, "bare": alone, "more": more, "ratio": launcher / alone}


async def measure(kubeconfig: str, options: argparse.Namespace) -> dict[str, Any]:
    namespace = f"bench-start-{int(time.time())}"
    async with KubeClient.connect(kubeconfig, "bench") as kube, laboratory(kube, namespace) as moments:
        guests, pods, starts = await _one_by_one(kube, namespace, moments, options.count)
        one = _tell(f"{options.count} VMs one by one", guests, STEPS)
        plain = _tell("plain pods of the launcher's image, between them", pods, ["API", "scheduled", "pod running"])
        difference = one["Running"][0] - plain["pod running"][0]
        ratio = one["Running"][0] / plain["pod running"][0]
        print(f"\nRunning against a plain pod: {ratio:.2f} times, {difference:+.2f} s (p50)")
        figures: dict[str, Any] = {"one by one": one, "plain pod": plain, "difference": difference, "ratio": ratio}
        figures["launcher and bare QEMU"] = _beside_bare(starts)
        for count in (10, options.at_once):
            if count:
                lives = await _at_once(kube, namespace, moments, count)
                figures[f"{count} at once"] = _tell(f"{count} VMs at once", lives, STEPS)
        return figures
