"""The directory in which libvirt's embedded driver lives, and its cache of what QEMU can do.

libvirt asks QEMU for its capabilities once per binary and keeps the answers in a file. A launcher that is given the
file of an earlier launcher on the same node saves that; libvirt itself checks that file against the binary, the
kernel and /dev/kvm and asks again where they differ.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

MAX_FILES = 4
MAX_BYTES = 1 << 20
CACHE = "cache/qemu/capabilities"
_NAME = re.compile(r"[0-9a-f]{64}\.xml", re.ASCII)

QEMU_CONF = """\
user = "+107"
group = "+107"
stdio_handler = "file"
namespaces = []
cgroup_controllers = []
remember_owner = 0
dynamic_ownership = 0
security_driver = "none"
seccomp_sandbox = 1
"""
"""No log daemon, no mount namespace, no cgroups, no ownership games: the pod is all of that already. The user only counts
where root asks QEMU what it can do; guests run as the user that the launcher is."""


class EmbedRoot:
    """`qemu:///embed?root=<path>`."""

    def __init__(self, path: str) -> None:
        self.path = Path(path)
        self._given: dict[str, bytes] = {}

    @property
    def uri(self) -> str:
        """What libvirt is opened with."""
        return f"qemu:///embed?root={self.path}"

    def prepare(self) -> None:
        """Write the driver's configuration. Call before libvirt opens."""
        for part in ("etc", CACHE):
            (self.path / part).mkdir(parents=True, exist_ok=True)
        (self.path / "etc" / "qemu.conf").write_text(QEMU_CONF)

    def seed(self, files: dict[str, bytes]) -> bool:
        """Put cache files in place, where there are none yet. True when libvirt will find them."""
        accepted = {name: content for name, content in files.items() if _NAME.fullmatch(name)}
        for name, content in accepted.items():
            target = self.path / CACHE / name
            target.parent.mkdir(parents=True, exist_ok=True)
            partial = target.with_suffix(".partial")
            partial.write_bytes(content)
            os.rename(partial, target)
        self._given.update(accepted)
        return bool(accepted)

    def learned(self) -> dict[str, bytes]:
        """The cache files that libvirt wrote itself, as far as they are few and small."""
        found: dict[str, bytes] = {}
        for path in sorted((self.path / CACHE).glob("*.xml"))[:MAX_FILES]:
            if _NAME.fullmatch(path.name) and path.stat().st_size <= MAX_BYTES // MAX_FILES * 2:
                found[path.name] = path.read_bytes()
        return {name: content for name, content in found.items() if self._given.get(name) != content}
