"""The state directory of a cluster, and the lock that lets one command at a time change it."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from localcluster import paths
from localcluster.host.processes import Process
from localcluster.render.spec import Spec, check_name, from_document
from localcluster.trouble import Trouble

LOCKS = Path("/run/lock")


@dataclass(frozen=True, kw_only=True)
class Store:
    """Paths of one cluster."""

    root: Path

    @property
    def name(self) -> str:
        return self.root.name

    @property
    def pki(self) -> Path:
        return self.root / "pki"

    @property
    def kubeconfig(self) -> Path:
        return self.root / "kubeconfig"

    @property
    def volumes(self) -> Path:
        return self.root / "volumes"

    def node(self, name: str) -> Path:
        return self.root / "nodes" / name

    def logs(self, node: str) -> Path:
        return self.node(node) / "logs"

    @property
    def audit_log(self) -> Path:
        return self.logs("node1") / "audit.log"

    def exists(self) -> bool:
        return (self.root / "cluster.json").is_file()

    def load(self) -> Spec:
        """Raises Trouble when there is no such cluster."""
        if not self.exists():
            raise Trouble(f"there is no cluster {self.name}", f"make it: python3 -m localcluster up --name {self.name}")
        return from_document(json.loads((self.root / "cluster.json").read_text()))

    def save(self, spec: Spec) -> None:
        write(self.root / "cluster.json", json.dumps(spec.document(), indent=1) + "\n")

    def init_of(self, node: str) -> Process | None:
        """The recorded init process of a node; it may be long gone."""
        return self._process(node, "init")

    def outer_of(self, node: str) -> Process | None:
        """The process that keeps the node's namespaces open from the host's side."""
        return self._process(node, "outer")

    def _process(self, node: str, role: str) -> Process | None:
        place = self.node(node) / "process.json"
        if not place.is_file():
            return None
        return Process(**json.loads(place.read_text())[role])


def of(name: str) -> Store:
    check_name(name)
    return Store(root=paths.CLUSTERS / name)


def everyone() -> list[Store]:
    """All clusters of this machine."""
    if not paths.CLUSTERS.is_dir():
        return []
    stores = [Store(root=place) for place in sorted(paths.CLUSTERS.iterdir()) if place.is_dir()]
    return [store for store in stores if store.exists()]


def write(place: Path, text: str, mode: int = 0o644) -> None:
    """Write a file whole or not at all."""
    place.parent.mkdir(parents=True, exist_ok=True)
    scratch = place.with_name(place.name + ".part")
    scratch.write_text(text)
    scratch.chmod(mode)
    scratch.rename(place)


@contextmanager
def locked(name: str) -> Iterator[None]:
    """One change of `name` (a cluster, or "addresses" of all) at a time; others wait. Leaves no file behind."""
    place = LOCKS / f"podvirt-{name}.lock"
    with _hold(place):
        try:
            yield
        finally:
            place.unlink(missing_ok=True)


def _hold(place: Path) -> IO[str]:
    """Lock the file; once more if its last holder removed it while we waited."""
    while True:
        lock = place.open("w")
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _is_still(place, lock):
            return lock
        lock.close()


def _is_still(place: Path, lock: IO[str]) -> bool:
    try:
        return os.path.samestat(place.stat(), os.fstat(lock.fileno()))
    except FileNotFoundError:
        return False
