"""What images are called."""

from __future__ import annotations

import configparser
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from images.cache import digest_of

PREFIX = "localhost/podvirt"
REPOSITORY = Path(__file__).resolve().parent.parent


@lru_cache(maxsize=4)
def version(repository: Path = REPOSITORY) -> str:
    """podvirt's version, as a tag: ``v0.1.0``."""
    parser = configparser.ConfigParser()
    parser.read(repository / "setup.cfg")
    return f"v{parser['metadata']['version']}"


def content_tag(digests: Mapping[str, str]) -> str:
    """The tag that means these very bytes: twelve hex digits of ``{image: digest of its manifest}``.

    The components of one build share it, because an installation names one tag for all of them.
    """
    return digest_of(dict(digests))[:12]


def names_of(name: str, digest: str, content: str) -> list[str]:
    """References for an image: by version, by content, and by digest."""
    repository = f"{PREFIX}/{name}"
    return [f"{repository}:{version()}", f"{repository}:{content}", f"{repository}@{digest}"]


def tags_of(names: Sequence[str]) -> list[str]:
    """The tags among references; a digest is none."""
    return [name.rsplit(":", 1)[-1] for name in names if "@" not in name]
