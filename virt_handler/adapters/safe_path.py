"""The only door to files that a pod can write: paths are resolved by the kernel, below a root, without any link.

A launcher owns its emptyDirs. It could put a symlink where a socket is expected and so lead the agent, which is
root, anywhere on the node. openat2(2) with these three flags refuses that, in one step and without a race.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager

_OPENAT2 = 437
_NO_MAGICLINKS, _NO_SYMLINKS, _BENEATH = 0x02, 0x04, 0x08
_LIBC = ctypes.CDLL(None, use_errno=True)


def open_beneath(root: str, relative: str, flags: int = os.O_PATH) -> int:
    """A descriptor of `root`/`relative`; raises OSError (ELOOP for a link, EXDEV for an escape). Caller closes it."""
    directory = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        how = struct.pack("<QQQ", flags | os.O_CLOEXEC, 0, _BENEATH | _NO_SYMLINKS | _NO_MAGICLINKS)
        descriptor: int = _LIBC.syscall(_OPENAT2, directory, relative.encode(), how, len(how))
        if descriptor < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), f"{root}/{relative}")
        return descriptor
    finally:
        os.close(directory)


def by_descriptor(descriptor: int) -> str:
    """A path that names exactly the file behind a descriptor, however it is called meanwhile, for connect(2)."""
    return f"/proc/self/fd/{descriptor}"


@contextmanager
def beneath(root: str, relative: str) -> Iterator[str]:
    """A path for connect(2) that is valid inside the block."""
    descriptor = open_beneath(root, relative)
    try:
        yield by_descriptor(descriptor)
    finally:
        os.close(descriptor)


def launcher_socket(pod_uid: str) -> str:
    """Of a launcher, below the kubelet's directory of pods."""
    return f"{volume(pod_uid, 'sockets')}/launcher-sock"


def console_socket(pod_uid: str, vmi_uid: str, name: str) -> str:
    """A stream of a VMI (`virt-serial0`, `virt-vnc`), below the kubelet's directory of pods."""
    return f"{volume(pod_uid, 'private')}/{vmi_uid}/{name}"


def volume(pod_uid: str, name: str) -> str:
    return f"{pod_uid}/volumes/kubernetes.io~empty-dir/{name}"
