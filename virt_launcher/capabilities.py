"""virt-launcher-capabilities: write down what a guest can have on this node. Runs once, before virt-handler.

    virt-launcher-capabilities --output-dir DIR

Writes DIR/capabilities.xml, DIR/domcapabilities.xml and libvirt's own cache as DIR/cache/<name>.xml; or DIR/error with
the cause, and ends with 0 all the same: a node without usable virtualisation still gets its agent, which says so.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

import libvirt

from virt_launcher.adapters.embed_root import EmbedRoot

ARCHITECTURE = "x86_64"
MACHINE = "q35"
KVM = "/dev/kvm"
QEMU_USER = 107
HOMES = ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR")


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    parser = argparse.ArgumentParser(prog="virt-launcher-capabilities", description=__doc__.split("\n")[0])
    parser.add_argument("--output-dir", type=Path, required=True, help="where to write")
    output: Path = parser.parse_args(sys.argv[1:] if arguments is None else arguments).output_dir
    if os.getpid() == 1:
        _stay_as_reaper()
    output.mkdir(parents=True, exist_ok=True)
    _become_qemu(output)
    (output / "error").unlink(missing_ok=True)
    try:
        with tempfile.TemporaryDirectory(prefix="embed") as scratch:
            os.environ.update(dict.fromkeys(HOMES, scratch))
            _probe(EmbedRoot(scratch), output)
    except (libvirt.libvirtError, OSError) as error:
        print(f"virt-launcher-capabilities: {error}", file=sys.stderr)
        (output / "error").write_text(str(error))
    return 0


def _become_qemu(output: Path) -> None:
    """Ask as the user that guests run as: libvirt asked by root insists on a user of its own that is not here.

    The device node is this container's own, so its mode matters to nobody else.
    """
    if os.getuid() != 0:
        return
    if os.path.exists(KVM):
        os.chmod(KVM, 0o666)
    os.chown(output, QEMU_USER, QEMU_USER)
    os.setgroups([])
    os.setgid(QEMU_USER)
    os.setuid(QEMU_USER)


def _stay_as_reaper() -> None:
    """Go on in a child and never return in the parent: libvirt daemonises the QEMU it asks, and waits until PID 1 has
    reaped it."""
    child = os.fork()
    while child:
        ended, status = os.wait()
        if ended == child:
            sys.exit(os.waitstatus_to_exitcode(status))


def _probe(root: EmbedRoot, output: Path) -> None:
    root.prepare()
    libvirt.virEventRegisterDefaultImpl()
    connection = libvirt.open(root.uri)
    try:
        host = connection.getCapabilities()
        kind = "kvm" if "<domain type='kvm'" in host else "qemu"
        guest = connection.getDomainCapabilities(None, ARCHITECTURE, MACHINE, kind)
    finally:
        connection.close()
    (output / "capabilities.xml").write_text(host)
    (output / "domcapabilities.xml").write_text(guest)
    (output / "cache").mkdir(exist_ok=True)
    for name, content in root.learned().items():
        (output / "cache" / name).write_bytes(content)


if __name__ == "__main__":
    sys.exit(main())
