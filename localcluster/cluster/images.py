"""Loading image archives into the nodes' containerd."""

from __future__ import annotations

import tarfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from localcluster.cluster.store import Store
from localcluster.programs import archive
from localcluster.render.places import CONTAINERD
from localcluster.shell import run
from localcluster.trouble import Trouble


class Containerd:
    """A node's containerd, reached from outside through its init's root directory."""

    def __init__(self, ctr: Path, init: int) -> None:
        self._ctr = [str(ctr), "--address", f"/proc/{init}/root{CONTAINERD}", "--namespace", "k8s.io"]

    def names(self) -> dict[str, str]:
        """Image name -> digest."""
        lines = run([*self._ctr, "images", "list"]).splitlines()[1:]
        return {words[0]: words[2] for words in map(str.split, lines) if len(words) >= 3}

    def load(self, place: Path, images: Sequence[archive.Image]) -> bool:
        """Import what is missing; False when all was there. Every image gets its name by digest too."""
        known = self.names()
        if all(known.get(name) == image.digest for image in images for name in (image.name, image.pinned)):
            return False
        if any(known.get(image.name) != image.digest for image in images):
            run([*self._ctr, "images", "import", "--digests", "--all-platforms", str(place)], timeout=900)
        known = self.names()
        for image in images:
            source = next((name for name, digest in known.items() if digest == image.digest), None)
            if source is None:
                raise Trouble(f"{place} was imported and {image.digest} is not there", "write the archive again")
            for name in (image.name, image.pinned):
                if known.get(name) != image.digest:
                    run([*self._ctr, "images", "tag", "--force", source, name])
        return True


def read(place: Path) -> list[archive.Image]:
    """What an archive holds. Raises Trouble for a file that is none."""
    try:
        return archive.images(place)
    except (OSError, ValueError, tarfile.TarError) as error:
        raise Trouble(
            f"{place} cannot be loaded: {error}",
            "give an OCI archive, e.g. of `skopeo copy ... oci-archive:FILE:NAME:TAG`",
        ) from None


def load(store: Store, ctr: Path, archives: Sequence[Path]) -> dict[str, bool]:
    """Load into every running node, nodes side by side. Returns image name -> whether any node lacked it."""
    inits = {node.name: store.init_of(node.name) for node in store.load().nodes}
    contents = [(place, read(place)) for place in archives]

    def into(node: str) -> dict[str, bool]:
        init = inits[node]
        if init is None:
            return {}
        containerd = Containerd(ctr, init.pid)
        return {image.name: containerd.load(place, images) for place, images in contents for image in images}

    done: dict[str, bool] = {}
    with ThreadPoolExecutor(max_workers=4) as pool:
        for loaded in pool.map(into, inits):
            done = {name: done.get(name, False) or loaded.get(name, False) for name in {*done, *loaded}}
    return done
