"""Processes of the local cluster as this machine sees them, for an end at an exact moment and for what they leave."""

import ipaddress
import os
import signal
from pathlib import Path

QEMU = "qemu-system"
LOOPBACK = "127.0.0.2"
"""Where a migration's connections begin and end inside a pod."""
_LISTEN = "0A"
_NAMED = b"POD_NAME="


def of_pod(pod: str) -> list[int]:
    """Process ids of what podvirt started in that pod: all that were given the pod's name, and QEMU below them."""
    return of_pods(pod)[pod]


def of_pods(*pods: str) -> dict[str, list[int]]:
    """The same of many pods, by one look at all processes."""
    pids = _pids()
    named = {pid: pod for pid in pids if (pod := _pod_name(pid)) in pods}
    spaces = {_namespace(pid): pod for pid, pod in named.items()}
    below = {pid: spaces.get(_namespace(pid), "") for pid in pids if pid not in named and _is_qemu(pid)}
    return {pod: [pid for pid in pids if pod in (named.get(pid), below.get(pid))] for pod in pods}


def guests(name: str) -> list[int]:
    """Process ids of every QEMU on this machine that holds the guest of that domain, `<namespace>_<name>`."""
    mark = f"guest={name},".encode()
    return [pid for pid in _pids() if _is_qemu(pid) and mark in _read(pid, "cmdline")]


def qemu_of(pod: str) -> list[int]:
    return [pid for pid in of_pod(pod) if _is_qemu(pid)]


def of_node(cluster: str, node: str, program: str) -> list[int]:
    """Process ids of a component of a node that runs in no pod: the control plane's, the kubelet, containerd."""
    mark = f"/podvirt-{cluster}/{node}/system\n".encode()
    return [
        pid
        for pid in _pids()
        if Path(os.fsdecode(_read(pid, "cmdline").split(b"\0")[0])).name == program and mark in _read(pid, "cgroup")
    ]


def doors(pids: list[int], address: str) -> list[int]:
    """Ports at which somebody listens on exactly that address (IPv4), in the network of these processes."""
    if not address:
        return []
    wanted = ipaddress.IPv4Address(address).packed[::-1].hex().upper()
    found = set()
    for pid in pids:
        lines = [line.split() for line in _read(pid, "net/tcp").decode().splitlines()[1:]]
        ends = [words[1].split(":") for words in lines if words[3] == _LISTEN]
        found |= {int(port, 16) for host, port in ends if host == wanted}
    return sorted(found)


def kill(*pids: int) -> None:
    """SIGKILL; who has ended meanwhile is none the worse."""
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""


def _pod_name(pid: int) -> str:
    """What its environment says; "" for a process of no pod of podvirt's."""
    words = _read(pid, "environ").split(b"\0")
    return next((word.removeprefix(_NAMED).decode() for word in words if word.startswith(_NAMED)), "")


def _namespace(pid: int) -> str:
    try:
        return os.readlink(f"/proc/{pid}/ns/pid")
    except OSError:
        return ""


def _is_qemu(pid: int) -> bool:
    return QEMU.encode() in _read(pid, "cmdline").split(b"\0")[0]
