"""QEMU to QEMU: podvirt's own command line on both sides, the same nodes, the same veth, and nothing in between.

Both run in the launcher pod's file system and each in the network of a node. The disk cannot be written, so no side
copies any; the guest hops from one to the other and back, and stands between two hops.
"""

import asyncio
import contextlib
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.bare import stripped

PORT = 49399
LIFE_SECONDS = 3600
"""A QEMU that nobody ends, ends then."""
DOWNTIME_MS = 900
UNLIMITED = (1 << 63) - (1 << 20)
"""What podvirt tells QEMU by libvirt: the longest downtime, bytes a second."""
HOP_SECONDS = 300


@dataclass(frozen=True)
class Place:
    """A network, as a file, and its address."""

    address: str
    network: str


@dataclass(frozen=True)
class Hop:
    """Moments in seconds of the wall clock, and QEMU's own figures."""

    asked: float
    stopped: float
    resumed: float
    downtime: float
    sent: int
    """Bytes."""

    @property
    def data(self) -> float:
        """Seconds from the word to move until the guest runs on the other side."""
        return self.resumed - self.asked

    @property
    def rate(self) -> float:
        """Bytes a second."""
        return self.sent / self.data


def alone(command: list[str], serial: str, *, arriving: bool) -> list[str]:
    """`command` of a libvirt QEMU as one of the pair: its serial console a socket at `serial`, with a log beside."""
    words = stripped(command)
    console = f"socket,id=charserial0,path={serial},server=on,wait=off,logfile={serial}-log"
    kept, rest = [words[0]], iter(words[1:])
    for word in rest:
        value = "" if word == "-incoming" and next(rest, None) else word
        if value:
            kept.append(console if word == "null,id=charserial0" else word)
    return [*kept, "-incoming", f"tcp:0.0.0.0:{PORT}"] if arriving else kept


class Qemu:
    """One process, by its monitor."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._answers: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._events: dict[str, asyncio.Queue[dict[str, Any]]] = {}
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, inside: int, network: str, command: list[str]) -> "Qemu":
        """In the file system of process `inside`. Raises RuntimeError where it does not run."""
        enter = ["timeout", str(LIFE_SECONDS), "nsenter", "-t", str(inside), "-m", "-r", f"--net={network}", "--"]
        pipe, none = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
        process = await asyncio.create_subprocess_exec(*enter, *command, stdin=pipe, stdout=pipe, stderr=none)
        qemu = cls(process)
        await qemu.ask("qmp_capabilities")
        capabilities = [{"capability": "events", "state": True}]
        await qemu.ask("migrate-set-capabilities", capabilities=capabilities)
        return qemu

    async def ask(self, command: str, **arguments: Any) -> Any:
        """Raises RuntimeError with QEMU's words, or when it is gone."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        answer = await self._answers.get()
        if "return" not in answer:
            raise RuntimeError(f"QEMU, {command}: {answer.get('error', {}).get('desc', 'it has ended')}")
        return answer["return"]

    async def event(self, name: str, **data: Any) -> float:
        """When the next event of that name, with this data, happened."""
        queue = self._events.setdefault(name, asyncio.Queue())
        while True:
            event = await queue.get()
            if data.items() <= event.get("data", {}).items():
                stamp = event["timestamp"]
                return float(stamp["seconds"] + stamp["microseconds"] / 1e6)

    def forget(self) -> None:
        """Events so far."""
        self._events.clear()

    async def end(self) -> None:
        self._reader.cancel()
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        await self._process.wait()

    async def _read(self) -> None:
        assert self._process.stdout
        while line := await self._process.stdout.readline():
            said = json.loads(line)
            if "event" in said:
                self._events.setdefault(said["event"], asyncio.Queue()).put_nowait(said)
            elif "QMP" not in said:
                self._answers.put_nowait(said)
        self._answers.put_nowait({})


class Pair:
    """The guest, where it is just now: on either side in turn."""

    def __init__(self, command: list[str], folder: str, places: tuple[Place, Place]) -> None:
        """`folder` is one in the launcher's file system that can be written."""
        self._command, self._folder, self._places = command, folder, places
        self._started = 0
        self._all: list[Qemu] = []

    @property
    def here(self) -> Qemu:
        return self._all[0]

    async def start(self, inside: int) -> Path:
        """The next QEMU, in the file system of a process: the guest boots in the first, the others expect it.

        The file is the log of its serial console; the console itself is beside it, without `-log`.
        """
        serial = f"{self._folder}/bare-{self._started}"
        place = self._places[self._started % 2]
        command = alone(self._command, serial, arriving=bool(self._started))
        self._all.append(await Qemu.start(inside, place.network, command))
        self._started += 1
        return Path(f"/proc/{inside}/root{serial}-log")

    async def hop(self) -> Hop:
        """Move the guest to the one that expects it. Raises RuntimeError where it does not get there."""
        source, target = self._all
        address = self._places[(self._started - 1) % 2].address
        source.forget()
        await source.ask("migrate-set-parameters", **{"max-bandwidth": UNLIMITED, "downtime-limit": DOWNTIME_MS})
        asked = time.time()
        await source.ask("migrate", uri=f"tcp:{address}:{PORT}")
        async with asyncio.timeout(HOP_SECONDS):
            resumed = await target.event("RESUME")
            stopped = await source.event("STOP")
            await source.event("MIGRATION", status="completed")
        told = await source.ask("query-migrate")
        await self._all.pop(0).end()
        return Hop(asked, stopped, resumed, told["downtime"] / 1000, told["ram"]["transferred"])

    async def end(self) -> None:
        while self._all:
            await self._all.pop().end()
