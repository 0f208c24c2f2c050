"""podvirt's guest that is moved, and how a guest is heard in one place after another."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from bench import course
from bench.course import Course
from bench.processes import commands_of
from bench.ticks import WINDOW, Ear, Standstill, standstill
from virt_runtime.kube import KubeClient
from virt_runtime.resources import Json

PRIVATE = "run/kubevirt-private"
"""In a launcher's file system: a folder for each VMI, by its UID."""
SETTLE_TICKS, SETTLE_SECONDS = 3 * WINDOW, 120
MOVE_SECONDS = 300


class Listener:
    """Hears the guest in one place after another."""

    def __init__(self, tasks: asyncio.TaskGroup) -> None:
        self._tasks = tasks
        self._listening: list[tuple[Ear, asyncio.Task[None]]] = []

    def attend(self, log: Path) -> None:
        """The guest is here, or will come here next."""
        ear = Ear(log)
        self._listening.append((ear, self._tasks.create_task(ear.listen())))

    async def settled(self) -> None:
        """Until the guest has ticked for some time where it is."""
        here = self._listening[-1][0]
        count = len(here.ticks) + SETTLE_TICKS
        async with asyncio.timeout(SETTLE_SECONDS):
            while len(here.ticks) < count:
                await asyncio.sleep(0.1)

    async def moved(self) -> Standstill:
        """Once the guest is heard where it came last; before that, it is not heard any more."""
        await self.settled()
        (before, task), (after, _) = self._listening
        task.cancel()
        del self._listening[0]
        return standstill(before.ticks, after.ticks)

    def close(self) -> None:
        for _, task in self._listening:
            task.cancel()


class Mover:
    """podvirt's guest: where it is, and its moves."""

    def __init__(self, kube: KubeClient, namespace: str, vmi: Json, seen: Course) -> None:
        self._kube, self._namespace, self._seen = kube, namespace, seen
        self._name, self._uid = vmi["metadata"]["name"], vmi["metadata"]["uid"]
        self.pod = ("", "")

    def inside(self, pod_uid: str) -> int:
        """A process of the launcher."""
        commands = commands_of(pod_uid)
        return min(each for each, words in commands.items() if any("/virt-launcher" in word for word in words[:4]))

    def console_log(self, pod_uid: str) -> Path:
        return Path(f"/proc/{self.inside(pod_uid)}/root/{PRIVATE}/{self._uid}/virt-serial0-log")

    async def stand(self, verb: str) -> None:
        """`pause` or `unpause` it."""
        path = f"/apis/subresources.kubevirt.io/v1/namespaces/{self._namespace}/virtualmachineinstances/{self._name}"
        await self._kube.raw("PUT", f"{path}/{verb}", {})

    async def move(self, attend: Callable[[Path], None]) -> tuple[dict[str, float], dict[str, int]]:
        """Seconds from the creation to each step, and what the source's launcher says that it took."""
        await self._seen.begin(self._name)
        await self._seen.reached("container runs", MOVE_SECONDS)
        assert self._seen.target
        source, target = self.pod[0], self._seen.target["metadata"]
        attend(await asyncio.to_thread(self.console_log, target["uid"]))
        await self._seen.reached("Succeeded", MOVE_SECONDS)
        self.pod = target["name"], target["uid"]
        left, came = await self._log(source, "&follow=true"), await self._log(target["name"])
        self._seen.moments |= course.of_logs(left, came)
        return course.passed(self._seen.moments), course.figures_of(left)

    async def _log(self, pod: str, how: str = "") -> str:
        """Followed, it is read until its launcher ends: libvirt's figures come a moment after the guest has moved."""
        path = f"/api/v1/namespaces/{self._namespace}/pods/{pod}/log?container=compute{how}"
        return str(await self._kube.raw("GET", path))
