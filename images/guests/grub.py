"""A disk that a BIOS boots, made without mounting anything.

    sector 0          GRUB's boot sector and a partition table
    sector 1 …        GRUB's core, with the commands to run built in
    sector 2048 …     one partition with what the core reads: a file system, or simply a tar

The boot sector finds the core at sector 1 and the core finds its own rest at sector 2: those are the places GRUB
assumes when nobody has told it others, so nothing needs patching (GRUB manual, "BIOS installation").
"""

from __future__ import annotations

import io
import struct
import tarfile
from collections.abc import Mapping
from pathlib import Path

from images.bytecode import foreign
from images.host import HostError, run
from images.layer import MTIME

PACKAGES = ("grub-pc-bin", "grub-common")
SECTOR = 512
PARTITION_START = 2048
"""In sectors."""
MODULE_FOLDER = "usr/lib/grub/i386-pc"
LINUX_PARTITION = 0x83


def boot_area(root: Path, scratch: Path, *, file_system: str, commands: str, partition_size: int) -> bytes:
    """All before the partition.

    ``root`` has GRUB's packages unpacked; ``file_system`` is the GRUB module that reads the partition, which
    ``commands`` find at ``$prefix``; ``partition_size`` in bytes.
    """
    core = _core(root, scratch, file_system, commands)
    if len(core) > (PARTITION_START - 1) * SECTOR:
        raise HostError("GRUB's core does not fit before the first partition")
    sector = bytearray((root / MODULE_FOLDER / "boot.img").read_bytes()[:SECTOR].ljust(SECTOR, b"\0"))
    sector[446:512] = partition_table(partition_size // SECTOR)
    return (bytes(sector) + core).ljust(PARTITION_START * SECTOR, b"\0")


def start_linux(kernel: str, initrd: str, command_line: str) -> str:
    """GRUB commands that start a kernel; the paths are in the partition.

    ``linux16`` takes the old road, with the kernel at 1 MiB: ``linux`` loads it where it will unpack itself to, and
    moving it out of its own way costs more than a second where every instruction is emulated.
    """
    return f"linux16 $prefix/{kernel} {command_line}\ninitrd16 $prefix/{initrd}\nboot\n"


def _core(root: Path, scratch: Path, file_system: str, commands: str) -> bytes:
    """GRUB's core image. ``(,msdos1)`` is the first partition of the disk that it was itself started from."""
    listing, output = scratch / "grub.cfg", scratch / "core.img"
    listing.write_text(commands)
    run(
        [
            *foreign(root, "usr/bin/grub-mkimage"),
            "-O",
            "i386-pc",
            "-d",
            str(root / MODULE_FOLDER),
            "-p",
            "(,msdos1)",
            "-c",
            str(listing),
            "-o",
            str(output),
            "biosdisk",
            "part_msdos",
            file_system,
            "linux16",
        ],
        what="making GRUB's core",
        timeout=60,
    )
    return output.read_bytes()


def tar_partition(files: Mapping[str, bytes]) -> bytes:
    """A partition for GRUB's ``tar`` module."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in sorted(files.items()):
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(data), MTIME
            archive.addfile(info, io.BytesIO(data))
    return stream.getvalue()


def partition_table(sectors: int) -> bytes:
    """One active partition, in linear addresses only, and the signature."""
    entry = struct.pack("<B3sB3sII", 0x80, b"\xfe\xff\xff", LINUX_PARTITION, b"\xfe\xff\xff", PARTITION_START, sectors)
    return entry + bytes(48) + b"\x55\xaa"
