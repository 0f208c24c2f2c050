"""Processes of the local cluster as this machine sees them, for an end at an exact moment and for what they leave."""

import ipaddress
import os
import signal
from pathlib import Path

QEMU = "qemu-system"
LOOPBACK = "127.0.0.2"
"""Where a migration's connections begin and end inside a pod."""
_LISTEN = "0A"


def of_pod(pod: str) -> list[int]:
    """Process ids of what podvirt started in that pod: all that were given the pod's name, and QEMU below them."""
    named = [pid for pid in _pids() if f"POD_NAME={pod}".encode() in _read(pid, "environ").split(b"\0")]
    spaces = {_namespace(pid) for pid in named}
    return [pid for pid in _pids() if pid in named or (_is_qemu(pid) and _namespace(pid) in spaces)]


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


def _namespace(pid: int) -> str:
    try:
        return os.readlink(f"/proc/{pid}/ns/pid")
    except OSError:
        return ""


def _is_qemu(pid: int) -> bool:
    return QEMU.encode() in _read(pid, "cmdline").split(b"\0")[0]
