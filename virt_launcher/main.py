"""virt-launcher: the process that one guest lives and dies with.

Started by `virt-launcher-monitor` in the compute container. It listens at once, learns from virt-handler what to run,
and runs it by libvirt's driver in its own process. The order below is for speed: the socket first, so that the
handler can begin; libvirt's Python and driver while it does.
"""

from __future__ import annotations

import argparse
import os
import sys
import time

from virt_ipc.server import serve
from virt_launcher.adapters import alive
from virt_launcher.adapters.bell import Bell
from virt_launcher.adapters.embed_root import EmbedRoot
from virt_launcher.adapters.log import log, speak_of
from virt_launcher.adapters.machine import Identity
from virt_launcher.adapters.service import Launcher
from virt_launcher.adapters.supervisor import supervise
from virt_launcher.adapters.watchdog import Watchdog
from virt_launcher.plan.life import Life
from virt_model import paths

DRAIN_SECONDS = 0.5
"""For answers that are on their way when the launcher ends."""


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    flags = _parse(sys.argv[1:] if arguments is None else arguments)
    speak_of(flags.namespace, flags.name, flags.uid)
    bell = Bell()
    bell.answer_signals()
    lock = alive.hold(paths.alive_lock(flags.uid))
    identity = Identity(name=flags.name, namespace=flags.namespace, uid=flags.uid)
    life = Life(started=time.monotonic(), domain_timeout=flags.qemu_timeout, grace=flags.grace_period_seconds)
    root = EmbedRoot(flags.embed_root)
    launcher = Launcher(identity, life, root, bell.ring, Watchdog())
    server = serve(launcher, launcher.reports, flags.socket_dir)
    log("serving")
    _equip(launcher, identity, root, flags.ovmf_path)
    try:
        return supervise(launcher, bell, [paths.serial_log(flags.uid), root.qemu_log(identity.domain)])
    finally:
        server.stop(DRAIN_SECONDS)
        os.close(lock)


def _equip(launcher: Launcher, identity: Identity, root: EmbedRoot, ovmf_dir: str) -> None:
    """Load libvirt. Imported here, because what it imports takes longer than all before it."""
    from virt_launcher.adapters.build import Build
    from virt_launcher.adapters.hypervisor import Hypervisor
    from virt_launcher.adapters.receiver import Receiver, Tell

    def receiver(tell: Tell) -> Receiver:
        return Receiver(paths.receiver_dir(), root.path, identity.domain, paths.qemu_events(identity.uid), tell)

    root.prepare()
    hypervisor = Hypervisor(root.uri, paths.qemu_events(identity.uid), launcher.changed)
    launcher.equip(hypervisor, Build(identity, ovmf_dir), receiver)


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="virt-launcher", description="Runs one virtual machine.")
    parser.add_argument("--name", required=True, help="name of the VirtualMachineInstance")
    parser.add_argument("--namespace", required=True, help="its namespace")
    parser.add_argument("--uid", required=True, help="its UID")
    parser.add_argument("--qemu-timeout", type=_seconds, default=300.0, help="how long to wait for a domain (300s)")
    parser.add_argument("--grace-period-seconds", type=float, default=45.0, help="between SIGTERM and SIGKILL")
    parser.add_argument("--ovmf-path", default="/usr/share/OVMF", help="directory of the UEFI images")
    parser.add_argument("--socket-dir", default=paths.SOCKETS, help="where launcher-sock appears")
    parser.add_argument("--embed-root", default=paths.LIBVIRT_RUNTIME, help="directory of libvirt's embedded driver")
    parser.add_argument("--allow-emulation", action="store_true", help="said by virt-handler with each Sync as well")
    flags, unknown = parser.parse_known_args(arguments)
    if unknown:
        print(f"virt-launcher: ignoring {' '.join(unknown)}", file=sys.stderr)
    return flags


def _seconds(text: str) -> float:
    """`358s` or `358`."""
    return float(text.removesuffix("s"))


if __name__ == "__main__":
    sys.exit(main())
