"""What images are called."""

from __future__ import annotations

import configparser
from functools import lru_cache
from pathlib import Path

PREFIX = "localhost/podvirt"
REPOSITORY = Path(__file__).resolve().parent.parent


@lru_cache(maxsize=4)
def version(repository: Path = REPOSITORY) -> str:
    """podvirt's version, as a tag: ``v0.1.0``."""
    parser = configparser.ConfigParser()
    parser.read(repository / "setup.cfg")
    return f"v{parser['metadata']['version']}"


def content_tag(digest: str) -> str:
    """The tag that means these very bytes: twelve digits of the manifest's digest."""
    return digest.removeprefix("sha256:")[:12]


def names_of(name: str, digest: str) -> list[str]:
    """References for an image: by version, by content, and by digest."""
    repository = f"{PREFIX}/{name}"
    return [f"{repository}:{version()}", f"{repository}:{content_tag(digest)}", f"{repository}@{digest}"]
