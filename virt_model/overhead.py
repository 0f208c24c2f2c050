"""How much memory a guest costs beyond its own: what is asked of the scheduler on top of the guest's memory.

A table of addends, each with the reason why it is there, so that a measurement (`bench footprint`) can correct one
number and a reader can see which. Sizes are MiB. The sum must never be less than what is used; it is a request, not a
limit.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Final

import msgspec

MIB: Final = 1024 * 1024


class Guest(msgspec.Struct, frozen=True, kw_only=True):
    """What about a guest decides its overhead. Memory and extra are bytes."""

    requested_memory: int = 0  # spec.domain.resources.requests.memory; 0 when only memory.guest is given
    vcpus: int = 1  # sockets x cores x threads now, not the maximum
    architecture: str = "amd64"
    emulated: bool = False
    graphics: bool = True
    vfio: bool = False
    downward_metrics: bool = False
    exec_probes: int = 0
    encrypted: bool = False  # SEV or SNP
    tpm: bool = False
    guaranteed: bool = False  # dedicated CPUs, or limits equal to requests
    reserved: int = 0  # spec.domain.memory.reservedOverhead


class Addend(msgspec.Struct, frozen=True):
    """One cause of overhead: how many MiB for a guest, and why."""

    name: str
    mib: Callable[[Guest], int]
    why: str


def _when(flag: bool, mib: int) -> int:
    return mib if flag else 0


ADDENDS: Final = (
    Addend("reaper", lambda _: 2, "the pod's PID 1: a process that only waits"),
    Addend("launcher", lambda _: 46, "the launcher: interpreter, gRPC, libvirt with its QEMU driver inside"),
    Addend("qemu", lambda _: 38, "QEMU's own heap, code and thread stacks before any device of the guest's choice"),
    Addend("io thread", lambda _: 2, "block layer requests in flight"),
    Addend("vcpus", lambda guest: 4 * guest.vcpus, "a thread, its stack and its share of the coroutine pool"),
    Addend("graphics", lambda guest: _when(guest.graphics, 20), "16 MiB of VGA memory and the VNC surface"),
    Addend("emulation", lambda guest: _when(guest.emulated, 160), "TCG's translation buffer and its bookkeeping"),
    Addend("uefi", lambda guest: _when(guest.architecture == "arm64", 128), "two 64 MiB flash banks"),
    Addend("vfio", lambda guest: _when(guest.vfio, 1024), "mappings of passed-through devices"),
    Addend("downward metrics", lambda guest: _when(guest.downward_metrics, 1), "the metrics disk"),
    Addend("probes", lambda guest: _when(guest.exec_probes > 0, 30) + 10 * guest.exec_probes, "a process per probe"),
    Addend("encryption", lambda guest: _when(guest.encrypted, 256), "bounce buffers of SEV and SNP"),
    Addend("tpm", lambda guest: _when(guest.tpm, 53), "swtpm"),
    Addend("guaranteed", lambda guest: _when(guest.guaranteed, 100), "limits equal requests: room for every peak"),
)


def memory_overhead(guest: Guest, ratio: str = "1", plugins: int = 0) -> int:
    """Bytes beyond the guest's memory.

    `ratio` is the cluster's additionalGuestMemoryOverheadRatio, `plugins` what network binding plugins ask for. Page
    tables cost one part in 512 of the memory that is requested; the guest's own reservation is taken as it is.
    """
    table = sum(addend.mib(guest) for addend in ADDENDS) * MIB
    whole = Fraction(table + guest.requested_memory // 512 + guest.reserved)
    return int(whole * _ratio(ratio)) + plugins


def _ratio(text: str) -> Fraction:
    try:
        return Fraction(text)
    except (ValueError, ZeroDivisionError):
        return Fraction(1)
