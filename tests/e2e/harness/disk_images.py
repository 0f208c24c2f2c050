"""Images that hold just what a test puts under /disk, loaded into the cluster's nodes."""

import subprocess
import sys
from pathlib import Path

from images import layer, oci
from images.cache import Cache
from images.tree import Entry
from tests.e2e.harness.cluster import REPO

QEMU_USER = 107


def load(cluster_name: str, directory: Path, image: str, disks: dict[str, bytes]) -> None:
    """Put an image of one layer onto every node; `disks` are the files under /disk, by name."""
    tree = {"disk": Entry(mode=0o555)}
    for name, content in disks.items():
        tree[f"disk/{name}"] = Entry(mode=0o440, uid=QEMU_USER, gid=QEMU_USER, data=content)
    cache = Cache(directory / "images")
    stored = layer.store(cache, tree, directory)
    manifest = oci.add_manifest(cache, oci.Settings(environment={}, labels={}), [stored])
    archive = directory / "image.tar"
    oci.write_archive(cache, manifest, [image], archive)
    command = [sys.executable, "-m", "localcluster", "load", "--name", cluster_name, str(archive)]
    subprocess.run(command, cwd=REPO, check=True, capture_output=True)
