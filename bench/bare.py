"""The launcher against QEMU alone: the same command line on the same files, started in the launcher's container.

What the launcher prepares, libvirt included, is the difference. Two ends are measured alike: from the start of the
process until QEMU says that the guest runs.
"""

import json
import os
import subprocess
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bench.processes import commands_of
from virt_runtime.kube import KubeClient

DROPPED = ("-S", "-sandbox", "-add-fd", "-vnc", "-audiodev")
"""What needs descriptors or sockets of libvirt's, and what would hinder the program that starts it."""
WITHOUT_VALUE = ("-S", "-no-user-config", "-nodefaults", "-no-shutdown")
DEADLINE_SECONDS = 30
RUNNING = "domain is running"


@dataclass(frozen=True)
class Start:
    """Seconds from a program's start until the guest runs."""

    launcher: float
    bare: float


def stripped(command: list[str]) -> list[str]:
    """A libvirt QEMU's command line for running it again beside: its monitor on stdio, its disks not locked."""
    kept = [command[0]]
    words = iter(command[1:])
    for option in words:
        value = None if option in WITHOUT_VALUE else next(words, "")
        if option in DROPPED or (value is not None and "masterKey0" in value):
            continue
        kept += [option] if value is None else [option, _alone(option, value)]
    return kept


def _alone(option: str, value: str) -> str:
    if option == "-chardev":
        name = value.split("id=", 1)[1].split(",", 1)[0]
        return f"{'stdio' if name == 'charmonitor' else 'null'},id={name}"
    if option == "-netdev":
        return json.dumps({"type": "hubport", "hubid": 0, "id": json.loads(value)["id"]})
    if option == "-blockdev" and '"driver":"file"' in value:
        return json.dumps({**json.loads(value), "locking": "off"})
    return value


def bare_start(process: int, command: list[str]) -> float:
    """Run `command` in the namespaces of `process` until its guest runs; seconds.

    Raises: RuntimeError when QEMU ends before, or says nothing for DEADLINE_SECONDS.
    """
    enter = ["nsenter", "-t", str(process), "-m", "-p", "-i", "-u", "-n", "-r", "--"]
    begin = time.monotonic()
    # timeout(1) also ends it should the monitor never answer
    with subprocess.Popen(
        ["timeout", "-s", "KILL", str(DEADLINE_SECONDS), *enter, *command],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as qemu:  # fmt: skip
        assert qemu.stdin and qemu.stdout and qemu.stderr
        qemu.stdin.write('{"execute":"qmp_capabilities"}\n{"execute":"query-status"}\n')
        qemu.stdin.flush()
        for line in qemu.stdout:
            if json.loads(line).get("return", {}).get("status") == "running":
                took = time.monotonic() - begin
                qemu.stdin.write('{"execute":"quit"}\n')
                qemu.stdin.flush()
                return took
        raise RuntimeError(f"QEMU alone did not run: {qemu.stderr.read().strip()[-300:]}")


def _started_at(process: int) -> float:
    """When a process began, seconds of the wall clock; the kernel counts in hundredths of a second."""
    ticks = int((Path("/proc") / str(process) / "stat").read_text().rpartition(")")[2].split()[19])
    since_boot = ticks / os.sysconf("SC_CLK_TCK")
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + since_boot


async def _running_at(kube: KubeClient, namespace: str, pod: str) -> float:
    """When the launcher said that its domain runs, seconds of the wall clock.

    Raises: RuntimeError when its log does not tell.
    """
    path = f"/api/v1/namespaces/{namespace}/pods/{pod}/log?container=compute"
    said = await kube.raw("GET", path)
    for line in str(said).splitlines():
        if RUNNING in line:
            return datetime.fromisoformat(json.loads(line)["timestamp"]).timestamp()
    raise RuntimeError(f"the log of {pod} does not say '{RUNNING}'")


async def compare(kube: KubeClient, namespace: str, pod: tuple[str, str]) -> Start:
    """One running guest's launcher, by its pod's name and UID, and its QEMU's command line started alone."""
    name, uid = pod
    commands = commands_of(uid)
    launcher = min(
        process for process, words in commands.items() if any("/virt-launcher" in word for word in words[:4])
    )
    qemu, command = next((process, words) for process, words in commands.items() if "/qemu-system-" in words[0])
    launched = await _running_at(kube, namespace, name) - _started_at(launcher)
    return Start(launched, bare_start(qemu, stripped(command)))
