"""What one more VM costs beside its guest, and what the components weigh idle and with guests."""

import argparse
import asyncio
import time
from typing import Any

from api.quantity import parse_quantity
from bench.figures import p50, table
from bench.processes import MIB, Weight, group_memory, weigh_pods
from bench.subjects import VMIS, guest, laboratory
from virt_runtime.kube import KubeClient
from virt_runtime.resources import PODS, Json

COMPONENTS = ("virt-operator", "virt-api", "virt-controller", "virt-handler")
LOOK_SECONDS = 10
LONGEST_SECONDS = 300


async def _components(kube: KubeClient, title: str) -> float:
    """RSS of all components together, in MiB."""
    pods = await kube.list(PODS, "kubevirt")
    weights = weigh_pods({pod["metadata"]["uid"] for pod in pods})
    rows, total = [], Weight()
    for component in COMPONENTS:
        own = [p["metadata"]["uid"] for p in pods if p["metadata"].get("labels", {}).get("kubevirt.io") == component]
        each = [weights[uid] for uid in own]
        total = sum(each, total)
        rows.append((component, len(own), *(sum(getattr(w, part) for w in each) / MIB for part in ("rss", "pss"))))
    table(title, ["component", "pods", "RSS MiB", "PSS MiB"], [*rows, ("all", "", total.rss / MIB, total.pss / MIB)])
    return total.rss / MIB


def _reserved(pod: Json, guest_bytes: int) -> float:
    """Bytes requested beyond the guest's memory, by the pod as a whole."""
    requests = [c["resources"]["requests"]["memory"] for c in pod["spec"]["containers"]]
    return float(sum(parse_quantity(request) for request in requests)) - guest_bytes


async def _launchers(kube: KubeClient, namespace: str, guest_bytes: int) -> dict[str, float]:
    pods = await kube.list(PODS, namespace, label_selector="kubevirt.io=virt-launcher")
    weights = weigh_pods({pod["metadata"]["uid"] for pod in pods})
    each = list(weights.values())
    figures = {
        "control RSS": p50([w.rss / MIB for w in each]),
        "control PSS": p50([w.pss / MIB for w in each]),
        "control processes": p50([float(w.processes) for w in each]),
        "QEMU's own RSS": p50([w.qemu_rss / MIB for w in each]),
        "guest memory in use": p50([w.guest_rss / MIB for w in each]),
        "translated code": p50([w.translated_rss / MIB for w in each]),
        "control group": p50([group_memory(uid) / MIB for uid in weights]),
        "reserved overhead": p50([_reserved(pod, guest_bytes) / MIB for pod in pods]),
        "used overhead": p50([(w.rss + w.qemu_rss + w.translated_rss) / MIB for w in each]),
        "used overhead, translated code aside": p50([(w.rss + w.qemu_rss) / MIB for w in each]),
    }
    table(f"one VM's pod, of {len(pods)} (p50)", ["what", "MiB"], list(figures.items()))
    return figures


async def _booted(kube: KubeClient, namespace: str) -> None:
    """Wait until the guests touch no more memory of theirs: they have booted, and weigh what they will weigh."""
    pods = {pod["metadata"]["uid"] for pod in await kube.list(PODS, namespace)}
    before = -1
    for _ in range(LONGEST_SECONDS // LOOK_SECONDS):
        await asyncio.sleep(LOOK_SECONDS)
        now = sum(weight.guest_rss for weight in weigh_pods(pods).values())
        if now <= before * 1.01 and now > len(pods) * 16 * MIB:
            return
        before = now


async def measure(kubeconfig: str, options: argparse.Namespace) -> dict[str, Any]:
    namespace = f"bench-footprint-{int(time.time())}"
    async with KubeClient.connect(kubeconfig, "bench") as kube, laboratory(kube, namespace) as moments:
        idle = await _components(kube, "components, idle")
        names = [f"weight-{i}" for i in range(options.count)]
        for name in names:
            await kube.create(VMIS, namespace, guest(name))
        await moments.reached(names, "Ready", 900)
        await _booted(kube, namespace)
        launchers = await _launchers(kube, namespace, 128 * MIB)
        busy = await _components(kube, f"components, {options.count} VMs")
        for name in names:
            await kube.delete(VMIS, namespace, name)
        await moments.reached(names, "gone", 600)
    return {"components idle": idle, "components busy": busy, "launcher": launchers}
