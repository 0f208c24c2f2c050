"""The directory in which libvirt's embedded driver lives, and its cache of what QEMU can do.

libvirt asks QEMU for its capabilities once per binary and keeps the answers in a file. A launcher that is given the
file of an earlier launcher on the same node saves that; libvirt itself checks that file against the binary, the
kernel and /dev/kvm and asks again where they differ.
"""

from __future__ import annotations

import os
import re

MAX_FILES = 2
MAX_BYTES = 1 << 20
"""Of one file; seen: 0.1 to 0.4 MiB."""
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
"""No log daemon, no mount namespace, no cgroups, no ownership games: the pod is all of that already. The user only
counts where root asks QEMU what it can do; guests run as the user that the launcher is."""


class EmbedRoot:
    """`qemu:///embed?root=<path>`."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._cache = f"{path}/{CACHE}"
        self._given: dict[str, bytes] = {}

    @property
    def uri(self) -> str:
        """What libvirt is opened with."""
        return f"qemu:///embed?root={self.path}"

    def qemu_log(self, domain: str) -> str:
        """Where QEMU's own words go."""
        return f"{self.path}/log/qemu/{domain}.log"

    def adopt(self, domain: str, state_dir: str) -> None:
        """Take a running domain's state from another driver's directory, whose process has ended. libvirt finds it here
        when it is opened. May be repeated."""
        here = f"{self.path}/run/qemu"
        os.makedirs(here, exist_ok=True)
        for name in (f"{domain}.pid", f"{domain}.xml"):
            if os.path.exists(f"{state_dir}/{name}"):
                os.rename(f"{state_dir}/{name}", f"{here}/{name}")

    def prepare(self) -> None:
        """Write the driver's configuration. Call before libvirt opens."""
        os.makedirs(f"{self.path}/etc", exist_ok=True)
        with open(f"{self.path}/etc/qemu.conf", "w") as file:
            file.write(QEMU_CONF)

    def seed(self, files: dict[str, bytes]) -> bool:
        """Put cache files in place. True when libvirt will find them, if it has not looked yet."""
        accepted = {name: content for name, content in files.items() if _NAME.fullmatch(name)}
        os.makedirs(self._cache, exist_ok=True)
        for name, content in accepted.items():
            partial = f"{self._cache}/{name}.partial"
            with open(partial, "wb") as file:
                file.write(content)
            os.rename(partial, f"{self._cache}/{name}")
        self._given.update(accepted)
        return bool(accepted)

    def learned(self) -> dict[str, bytes]:
        """The cache files that libvirt wrote itself, as far as they are few and small."""
        names = sorted(os.listdir(self._cache)) if os.path.isdir(self._cache) else []
        found = {name: self._read(name) for name in names if _NAME.fullmatch(name)}
        new = {name: content for name, content in found.items() if self._given.get(name) != content}
        return {name: content for name, content in list(new.items())[:MAX_FILES] if len(content) <= MAX_BYTES}

    def _read(self, name: str) -> bytes:
        with open(f"{self._cache}/{name}", "rb") as file:
            return file.read(MAX_BYTES + 1)
