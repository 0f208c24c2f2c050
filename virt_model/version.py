"""Which podvirt this is, in the shape in which `virtctl version` and the version subresource give it."""

from __future__ import annotations

from typing import Final

VERSION: Final = "v0.1.0"
#: what a tree that was not built from a tagged commit says of itself
UNKNOWN: Final = "unknown"


def version_info(python: str, platform: str) -> dict[str, str]:
    """The fields that clients expect; `python` is the interpreter's version, `platform` such as `linux/amd64`."""
    return {
        "gitVersion": VERSION,
        "gitCommit": UNKNOWN,
        "gitTreeState": UNKNOWN,
        "buildDate": UNKNOWN,
        "goVersion": f"python{python}",
        "compiler": "cpython",
        "platform": platform,
    }
