"""``guest-tiny``: Debian's cloud kernel and busybox, all in memory, up in seconds even without KVM.

Log in on the serial line as root, password podvirt. What it does is in the files of ``tiny/``; what it can do besides,
once asked, is in ``optional``.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from images import debian
from images.guests import cpio, grub, kernel, optional
from images.tree import DIRECTORY_MODE, Entry, Tree

SUITE: str = "trixie"
PACKAGES: tuple[str, ...] = ("linux-image-cloud-amd64", "busybox-static", *grub.PACKAGES, *optional.packages())
FILES = Path(__file__).parent / "tiny"
EARLY = (
    "virtio_blk",
    "virtio_net",
    "virtio_rng",
    "virtio_balloon",
    "sd_mod",
    "sr_mod",
    "virtio_scsi",
    "ahci",
    "evdev",
    "button",
)
LATE = ("isofs", "vfat", "nls_cp437", "nls_ascii", "nls_iso8859_1")
"""Kernel modules. ``EARLY`` is in the order of loading: the drivers of disks and CD-ROMs before the buses, so that a
loaded bus has found its disks. ``LATE`` are file systems, loaded once there is a disk with cloud data."""
COMMAND_LINE = (
    "console=ttyS0,115200 quiet loglevel=4 panic=1 mitigations=off tsc=reliable no_timer_check random.trust_cpu=on "
    "cryptomgr.notests rcupdate.rcu_expedited=1 i8042.noaux i8042.nopnp net.ifnames=0 rdinit=/sbin/init"
)


def inputs() -> list[Path]:
    """Files whose content decides what the disk holds."""
    modules = (cpio, grub, kernel, optional)
    return [
        Path(__file__),
        *(Path(str(module.__file__)) for module in modules),
        *sorted(path for folder in (FILES, optional.FILES) for path in folder.rglob("*") if path.is_file()),
    ]


def make(raw: Path, scratch: Path) -> None:
    """Write the bootable raw disk."""
    root = scratch / "root"
    debian.unpack(SUITE, PACKAGES, root)
    boot = {"vmlinuz": kernel.image(root).read_bytes(), "initrd": cpio.pack(initramfs(root))}
    parts = {f"optional/{name}.tar.gz": optional.archive(root, name) for name in optional.PARTS}
    payload = grub.tar_partition(boot | parts)
    start = grub.start_linux("vmlinuz", "initrd", COMMAND_LINE)
    area = grub.boot_area(root, scratch, file_system="tar", commands=start, partition_size=len(payload))
    raw.write_bytes(area + payload)


def initramfs(root: Path) -> Tree:
    """The guest's whole file system."""
    busybox = root / "usr/bin/busybox"
    tree: Tree = {
        name: Entry(mode=DIRECTORY_MODE)
        for name in (
            "bin",
            "sbin",
            "usr",
            "usr/bin",
            "usr/sbin",
            "usr/libexec",
            "etc",
            "etc/acpi",
            "etc/acpi/PWRF",
            "dev",
            "proc",
            "sys",
            "run",
            "tmp",
            "mnt",
            "root",
            "www",
            "lib",
            "lib/modules",
            "var",
            "var/log",
        )
    }
    tree["bin/busybox"] = Entry(mode=0o755, data=busybox.read_bytes())
    listing = subprocess.run([busybox, "--list-full"], capture_output=True, text=True, check=True, timeout=20)
    for applet in listing.stdout.split():
        tree.setdefault(applet, Entry(link="/bin/busybox"))
    tree |= optional.overlay(FILES)
    early = kernel.modules(root, EARLY)
    late = {name: content for name, content in kernel.modules(root, LATE).items() if name not in early}
    for phase, modules in (("early", early), ("late", late)):
        tree |= {f"lib/modules/{name}.ko": Entry(data=content) for name, content in modules.items()}
        tree[f"lib/modules/{phase}"] = Entry(data="".join(f"{name}\n" for name in modules).encode())
    return tree
