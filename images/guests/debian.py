"""``guest-debian``: a real Debian, with systemd, cloud-init, the QEMU guest agent and an SSH server.

Nobody can log in until cloud-init has been told who: a password or a key in the user data (user ``debian``).
"""

from __future__ import annotations

from pathlib import Path

from images.debian import ARCHIVE_OPTIONS, unpack
from images.guests import grub
from images.host import debian_mirror, ensure, run

SUITE: str = "trixie"
PACKAGES: tuple[str, ...] = (
    "linux-image-cloud-amd64",
    "systemd-sysv",
    "systemd-resolved",
    "dbus",
    "udev",
    "cloud-init",
    "cloud-guest-utils",
    "qemu-guest-agent",
    "openssh-server",
    "ca-certificates",
    "curl",
    "e2fsprogs",
    "iproute2",
    "iputils-ping",
    "less",
    "nano",
    "netbase",
    "procps",
    "sudo",
)
FILES = Path(__file__).parent / "debian"
"""Laid over the installed system."""
LABEL = "podvirt"
DISK_SIZE = 3 << 30
"""Bytes of the whole disk; cloud-init grows the file system where somebody gives it a larger one."""
COMMAND_LINE = f"root=LABEL={LABEL} ro console=tty0 console=ttyS0,115200 net.ifnames=0 quiet"


def inputs() -> list[Path]:
    """Files whose content decides what the disk holds."""
    return [Path(__file__), Path(str(grub.__file__)), *sorted(path for path in FILES.rglob("*") if path.is_file())]


def make(raw: Path, scratch: Path) -> None:
    """Write the bootable raw disk."""
    ensure("mke2fs")
    root, loader = scratch / "root", scratch / "grub"
    _install(root)
    unpack(SUITE, grub.PACKAGES, loader)
    start = grub.PARTITION_START * grub.SECTOR
    size = DISK_SIZE - start
    area = grub.boot_area(
        loader,
        scratch,
        file_system="ext2",
        partition_size=size,
        commands=grub.start_linux("vmlinuz", "initrd.img", COMMAND_LINE),
    )
    with open(raw, "wb") as disk:
        disk.write(area)
        disk.truncate(DISK_SIZE)
    run(
        [
            "mke2fs",
            "-q",
            "-t",
            "ext4",
            "-L",
            LABEL,
            "-d",
            str(root),
            "-E",
            f"offset={start},root_owner=0:0",
            "-F",
            str(raw),
            f"{size >> 10}k",
        ],
        what="writing the file system of guest-debian",
        timeout=900,
    )


def _install(root: Path) -> None:
    """Debian itself, with maintainer scripts run, and our few files over it."""
    mirror = debian_mirror()
    hooks = (
        f"copy-in {' '.join(str(path) for path in sorted(FILES.iterdir()))} /",
        'chroot "$1" systemctl enable systemd-networkd systemd-resolved',
        'rm -f "$1"/etc/ssh/ssh_host_*_key* "$1"/etc/machine-id "$1"/var/lib/dbus/machine-id',
        ': >"$1"/etc/machine-id',
        'echo localhost >"$1"/etc/hostname',
        'ln -sf ../run/systemd/resolve/stub-resolv.conf "$1"/etc/resolv.conf',
    )
    run(
        [
            "mmdebstrap",
            "--variant=minbase",
            "--format=directory",
            *(f"--aptopt={option}" for option in ARCHIVE_OPTIONS),
            "--dpkgopt=path-exclude=/usr/share/doc/*",
            "--dpkgopt=path-include=/usr/share/doc/*/copyright",
            "--dpkgopt=path-exclude=/usr/share/man/*",
            "--dpkgopt=path-exclude=/usr/share/locale/*",
            *(f"--customize-hook={hook}" for hook in hooks),
            f"--include={','.join(PACKAGES)}",
            SUITE,
            str(root),
            *([mirror] if mirror else []),
        ],
        what=f"Debian {SUITE}",
        timeout=1800,
    )
