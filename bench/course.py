"""The course of one migration, told by who sees it: the API's objects as they change, and both launchers' logs.

All moments are seconds of the wall clock of one machine. What the API says is dated when it is seen here.
"""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from bench.subjects import VMIS
from virt_runtime.kube import KubeClient
from virt_runtime.resources import PODS, Json, Resource

MIGRATIONS = Resource("kubevirt.io", "v1", "virtualmachineinstancemigrations")
JOB = "kubevirt.io/migrationJobUID"
RUNNER = "podvirt.io/runner"
STEPS = (
    "created", "target pod", "scheduled", "container runs", "handed to agents", "target prepared", "started",
    "leaving", "target's QEMU", "received", "left", "runner named", "resumed", "left, says libvirt", "landed",
    "completed", "Succeeded",
)  # fmt: skip
"""In their order, as far as they have one."""
FIGURES = "what the migration took"
EVENT_STARTED, EVENT_SUSPENDED = 2, 3
"""libvirt's lifecycle events in the log of a target."""
Holds = Callable[[Json, str], bool]
"""Whether a moment has come, by an object and the migration's UID."""


def _state(vmi: Json, uid: str) -> Json:
    state: Json = vmi.get("status", {}).get("migrationState") or {}
    return state if state.get("migrationUid") == uid else {}


def _is_target(pod: Json, uid: str) -> bool:
    return bool((pod["metadata"].get("labels") or {}).get(JOB) == uid)


def _compute_runs(pod: Json) -> bool:
    statuses = pod.get("status", {}).get("containerStatuses") or []
    return any(each["name"] == "compute" and "running" in each.get("state", {}) for each in statuses)


def _runs_at_target(vmi: Json, uid: str) -> bool:
    """The runner's epoch has a successor in every move; `activePods` has the target's UID since the hand-off."""
    runner = (vmi["metadata"].get("annotations") or {}).get(RUNNER, "").partition(":")[2]
    state = _state(vmi, uid)
    nodes: Json = vmi.get("status", {}).get("activePods") or {}
    return bool(runner) and nodes.get(runner) == state.get("targetNode")


TOLD: tuple[tuple[Resource, dict[str, Holds]], ...] = (
    (
        PODS,
        {
            "target pod": _is_target,
            "scheduled": lambda pod, uid: _is_target(pod, uid) and bool(pod["spec"].get("nodeName")),
            "container runs": lambda pod, uid: _is_target(pod, uid) and _compute_runs(pod),
        },
    ),
    (
        VMIS,
        {
            "handed to agents": lambda vmi, uid: bool(_state(vmi, uid)),
            "target prepared": lambda vmi, uid: bool(_state(vmi, uid).get("targetDirectMigrationNodePorts")),
            "started": lambda vmi, uid: bool(_state(vmi, uid).get("startTimestamp")),
            "runner named": _runs_at_target,
            "landed": lambda vmi, uid: bool(_state(vmi, uid).get("endTimestamp")),
            "completed": lambda vmi, uid: bool(_state(vmi, uid).get("completed")),
        },
    ),
    (
        MIGRATIONS,
        {
            phase: lambda vmim, uid, phase=phase: vmim["metadata"]["uid"] == uid and _phase(vmim) == phase  # type: ignore[misc]
            for phase in ("Succeeded", "Failed")
        },
    ),
)


def _phase(obj: Json) -> str:
    return str(obj.get("status", {}).get("phase", ""))


def of_logs(source: str, target: str) -> dict[str, float]:
    """The moments that two launchers' logs tell, of the last migration in them."""
    moments: dict[str, float] = {}
    for line in _lines(source):
        at = datetime.fromisoformat(line["timestamp"]).timestamp()
        if line["msg"] == "the guest begins to leave":
            moments["leaving"] = at
            moments.pop("left", None)
        elif line["msg"] == "QEMU itself says that the guest has moved":
            moments["left"] = at
        elif line["msg"] == "the guest has left":
            moments["left, says libvirt"] = at
            moments.setdefault("left", at)
    for line in _lines(target):
        at = datetime.fromisoformat(line["timestamp"]).timestamp()
        if line["msg"] == "an arriving guest" and line["event"] == EVENT_STARTED:
            moments["target's QEMU"] = at
        elif line["msg"] == "an arriving guest" and line["event"] == EVENT_SUSPENDED:
            moments["received"] = at
        elif line["msg"] == "guest taken over":
            moments["resumed"] = at - line["adopt_s"]
    return moments


def figures_of(source: str) -> dict[str, int]:
    """What the source's launcher says that its last migration took. Raises ValueError where it says nothing."""
    for line in reversed(list(_lines(source))):
        if line["msg"] == FIGURES:
            return {key: value for key, value in line.items() if isinstance(value, int)}
    raise ValueError(f"the log of the source does not say '{FIGURES}'")


def _lines(log: str) -> Iterable[dict[str, Any]]:
    for line in log.splitlines():
        with contextlib.suppress(ValueError):
            found = json.loads(line)
            if isinstance(found, dict) and "msg" in found and "timestamp" in found:
                yield found


def passed(moments: Mapping[str, float]) -> dict[str, float]:
    """Seconds from the migration's creation to each step that was seen, in the order of the steps."""
    return {step: moments[step] - moments["created"] for step in STEPS if step in moments}


class Course:
    """Of the migration that was created last: `moments[step]`, and the UID of its target's pod once there is one."""

    def __init__(self, kube: KubeClient, namespace: str) -> None:
        self.moments: dict[str, float] = {}
        self.target: Json | None = None
        self._kube, self._namespace, self._uid = kube, namespace, ""
        self._changed = asyncio.Condition()
        self._early: list[tuple[float, Resource, Json]] = []

    async def begin(self, vmi: str) -> None:
        """Create a migration, whose course is seen from now on."""
        meta = {"generateName": "move-"}
        body = {"apiVersion": "kubevirt.io/v1", "kind": "VirtualMachineInstanceMigration", "metadata": meta}
        self.moments, self.target, self._uid, self._early = {"created": time.time()}, None, "", []
        made = await self._kube.create(MIGRATIONS, self._namespace, {**body, "spec": {"vmiName": vmi}})
        self._uid = made["metadata"]["uid"]
        for at, resource, obj in self._early:
            await self._note(at, resource, obj)

    async def reached(self, step: str, seconds: float) -> None:
        """Raises TimeoutError; RuntimeError when the migration failed."""
        async with asyncio.timeout(seconds), self._changed:
            await self._changed.wait_for(lambda: step in self.moments or "Failed" in self.moments)
        if step not in self.moments:
            raise RuntimeError("the migration has failed")

    async def follow(self, resource: Resource) -> None:
        version = (await self._kube.listing(resource, self._namespace)).resource_version
        events = self._kube.watch(resource, self._namespace, resource_version=version, timeout_seconds=7200)
        async for event in events:
            if event.type in ("ADDED", "MODIFIED"):
                await self._note(time.time(), resource, event.object)

    async def _note(self, at: float, resource: Resource, obj: Json) -> None:
        if not self._uid:
            self._early.append((at, resource, obj))
            return
        table = next(told for each, told in TOLD if each is resource)
        async with self._changed:
            for moment, holds in table.items():
                if holds(obj, self._uid):
                    self.moments.setdefault(moment, at)
            if resource is PODS and _is_target(obj, self._uid):
                self.target = obj
            self._changed.notify_all()


@contextlib.asynccontextmanager
async def course(kube: KubeClient, namespace: str) -> AsyncIterator[Course]:
    seen = Course(kube, namespace)
    followers = [asyncio.create_task(seen.follow(resource)) for resource, _ in TOLD]
    try:
        yield seen
    finally:
        for task in followers:
            task.cancel()
        await asyncio.gather(*followers, return_exceptions=True)
