"""A raw disk that a BIOS boots, made without mounting anything: GRUB, then a tar that GRUB reads as a file system.

    sector 0          GRUB's boot sector and a partition table
    sector 1 …        GRUB's core, with the commands to run built in
    sector 2048 …     one partition: a tar with the kernel and its initramfs

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

SECTOR = 512
PARTITION_START = 2048
MODULES = ("biosdisk", "part_msdos", "tar", "linux16")
MODULE_FOLDER = "usr/lib/grub/i386-pc"
LINUX_PARTITION = 0x83


def write_disk(raw: Path, root: Path, scratch: Path, *, files: Mapping[str, bytes], command_line: str) -> None:
    """Write a bootable disk; ``files`` must hold ``vmlinuz`` and ``initrd``; ``root`` has GRUB's packages unpacked."""
    core = _core(root, scratch, command_line)
    if len(core) > (PARTITION_START - 1) * SECTOR:
        raise HostError("GRUB's core does not fit before the first partition")
    payload = _tar(files)
    sector = bytearray((root / MODULE_FOLDER / "boot.img").read_bytes()[:SECTOR].ljust(SECTOR, b"\0"))
    sector[446:512] = _partition_table(len(payload) // SECTOR)
    with open(raw, "wb") as disk:
        disk.write(bytes(sector) + core)
        disk.seek(PARTITION_START * SECTOR)
        disk.write(payload)


def _core(root: Path, scratch: Path, command_line: str) -> bytes:
    """GRUB's core image with its commands built in. ``(,msdos1)`` is the first partition of the disk it came from.

    ``linux16`` starts the kernel by the old road, at 1 MiB: ``linux`` loads it where it will unpack itself to, and
    moving it out of its own way costs more than a second where every instruction is emulated.
    """
    commands, output = scratch / "grub.cfg", scratch / "core.img"
    commands.write_text(f"linux16 $prefix/vmlinuz {command_line}\ninitrd16 $prefix/initrd\nboot\n")
    run([*foreign(root, "usr/bin/grub-mkimage"), "-O", "i386-pc", "-d", str(root / MODULE_FOLDER), "-p", "(,msdos1)",
         "-c", str(commands), "-o", str(output), *MODULES], what="making GRUB's core", timeout=60)
    return output.read_bytes()


def _tar(files: Mapping[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in sorted(files.items()):
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(data), MTIME
            archive.addfile(info, io.BytesIO(data))
    return stream.getvalue()


def _partition_table(sectors: int) -> bytes:
    """One active partition, in linear addresses only, and the signature."""
    entry = struct.pack("<B3sB3sII", 0x80, b"\xfe\xff\xff", LINUX_PARTITION, b"\xfe\xff\xff", PARTITION_START, sectors)
    return entry + bytes(48) + b"\x55\xaa"
