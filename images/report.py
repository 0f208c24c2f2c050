"""What is built, for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from images.build import Built, megabytes, recorded
from images.cache import Cache
from images.naming import tags_of
from images.recipes import GUESTS, IMAGES, LATE_GUESTS

HEADINGS = ("IMAGE", "TAGS", "DIGEST", "COMPRESSED", "UNPACKED")


def everything(cache: Cache) -> list[Built]:
    """The newest build of each image that the cache still has, in the order of the recipes."""
    images = (recorded(cache, name) for name in (*IMAGES, *GUESTS, *LATE_GUESTS))
    return [image for image in images if image is not None]


def table(images: Sequence[Built]) -> str:
    """One line for each image, in columns."""
    rows = [HEADINGS, *(row(image) for image in images)]
    widths = [max(len(cells[column]) for cells in rows) for column in range(len(HEADINGS))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip() for cells in rows
    )


def row(image: Built) -> tuple[str, str, str, str, str]:
    """The cells of one image."""
    repository = image.names[0].rsplit(":", 1)[0]
    tags = ",".join(tags_of(image.names))
    return repository, tags, image.digest[:19], megabytes(image.size), megabytes(image.unpacked)


def as_json(images: Sequence[Built]) -> str:
    """The same for programs; sizes in bytes."""
    return json.dumps([asdict(image) | {"tags": tags_of(image.names)} for image in images], indent=1)
