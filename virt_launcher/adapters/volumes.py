"""From volumes to files that QEMU can open: found, checked, and made where they are ours to make."""

from __future__ import annotations

import os
import stat

from api.quantity import quantity_bytes
from api.volume import CloudInitConfigDriveSource, CloudInitNoCloudSource, Volume
from virt_launcher.adapters.commands import Commands
from virt_launcher.adapters.secrets import read_secrets
from virt_launcher.plan import cloud_init, container_disk, image_header
from virt_launcher.plan.given import Image, Source
from virt_launcher.plan.guest import Guest
from virt_launcher.plan.refusal import CannotBuild
from virt_model import paths

MAX_LISTED = 64
"""Entries of a directory that are looked at."""


def prepare(guest: Guest) -> dict[str, Source]:
    """Source by volume name, for every volume that a disk shows. Raises CannotBuild with the volume's name in it."""
    shown = {disk.name for disk in guest.spec.domain.devices.disks}
    commands = Commands()
    sources: dict[str, Source] = {}
    try:
        for index, volume in enumerate(guest.spec.volumes):
            if volume.name in shown:
                try:
                    sources[volume.name] = _start(guest, index, volume, commands)
                except CannotBuild as refusal:
                    raise CannotBuild(f"volume {volume.name}: {refusal}") from refusal
                except OSError as error:
                    raise CannotBuild(f"volume {volume.name}: {error.strerror}: {error.filename}") from error
    finally:
        commands.finish()
    return {name: _with_cache_mode(source) for name, source in sources.items()}


def _start(guest: Guest, index: int, volume: Volume, commands: Commands) -> Source:
    if volume.container_disk:
        return _container_disk(index, volume, commands)
    if volume.empty_disk:
        return _empty_disk(volume, commands)
    data = volume.cloud_init_no_cloud or volume.cloud_init_config_drive
    if data:
        return _cloud_init(guest, volume, data, commands)
    raise CannotBuild("its kind is not supported by this version: use containerDisk, emptyDisk or cloud-init")


def _container_disk(index: int, volume: Volume, commands: Commands) -> Source:
    assert volume.container_disk
    root = paths.image_volume(index)
    name = container_disk.choose(volume.container_disk.path, _listing(root))
    base = _file_in_image(root, name)
    info = _header(base, name)
    link = paths.container_disk(index)
    os.makedirs(os.path.dirname(link), exist_ok=True)
    if os.path.islink(link):
        os.unlink(link)
    os.symlink(base, link)
    overlay = paths.overlay(volume.name)
    commands.overlay(f"volume {volume.name}", overlay, link, info.format, info.virtual_size)
    return Source(image=Image(path=overlay, format="qcow2"), backing=Image(path=link, format=info.format))


def _empty_disk(volume: Volume, commands: Commands) -> Source:
    assert volume.empty_disk
    path = paths.empty_disk(volume.name)
    size = -(-quantity_bytes(volume.empty_disk.capacity) // 512) * 512
    if size <= 0:
        raise CannotBuild("its capacity is not more than nothing: set emptyDisk.capacity")
    commands.empty(f"volume {volume.name}", path, size)
    return Source(image=Image(path=path, format="qcow2"))


def _cloud_init(
    guest: Guest, volume: Volume, data: CloudInitNoCloudSource | CloudInitConfigDriveSource, commands: Commands
) -> Source:
    secrets = read_secrets(guest, volume.name, data)
    if isinstance(data, CloudInitNoCloudSource):
        disk = cloud_init.no_cloud(guest, data, secrets)
    else:
        disk = cloud_init.config_drive(guest, data, secrets)
    file_name = cloud_init.file_name(guest, volume.name, disk.file_name)
    path = paths.cloud_init_iso(guest.metadata.namespace, guest.metadata.name, file_name)
    commands.iso(f"volume {volume.name}", path, disk)
    return Source(image=Image(path=path, format="raw"))


def _listing(root: str) -> container_disk.Listing:
    if not os.path.isdir(root):
        raise CannotBuild(f"the image is not mounted at {root}: the node must support image volumes")
    return container_disk.Listing(root=_files(root), disk=_files(f"{root}/{container_disk.DISK_DIR}"))


def _files(directory: str) -> tuple[str, ...]:
    try:
        with os.scandir(directory) as entries:
            seen = [entry for entry, _ in zip(entries, range(MAX_LISTED), strict=False)]
            return tuple(sorted(entry.name for entry in seen if entry.is_file() and not entry.name.startswith(".")))
    except (FileNotFoundError, NotADirectoryError):
        return ()


def _file_in_image(root: str, relative: str) -> str:
    """The absolute path, without symbolic links, of a regular file that lies in the image."""
    top = os.path.realpath(root)
    path = os.path.realpath(f"{root}/{relative}")
    if os.path.commonpath([top, path]) != top:
        raise CannotBuild(f"/{relative} is a link that leaves the image: put the file itself there")
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        raise CannotBuild(f"the image has no file /{relative}: correct containerDisk.path") from None
    if not stat.S_ISREG(mode):
        raise CannotBuild(f"/{relative} is not a regular file: name the disk in containerDisk.path")
    return path


def _header(path: str, name: str) -> image_header.ImageInfo:
    try:
        with open(path, "rb") as file:
            head = file.read(image_header.HEAD_BYTES)
            return image_header.parse(head, os.fstat(file.fileno()).st_size)
    except PermissionError:
        raise CannotBuild(f"/{name} in the image cannot be read by user {os.getuid()}: make it readable") from None
    except CannotBuild as refusal:
        raise CannotBuild(f"/{name} in the image: {refusal}") from refusal


def _with_cache_mode(source: Source) -> Source:
    images = [source.image] + ([source.backing] if source.backing else [])
    direct = all(_opens_direct(image.path) for image in images)
    return source if direct else Source(image=source.image, backing=source.backing, direct=False)


def _opens_direct(path: str) -> bool:
    """O_DIRECT works on the file; file systems in memory, for example, may not have it."""
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_DIRECT | os.O_CLOEXEC))
    except OSError:
        return False
    return True
