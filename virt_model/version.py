"""Which podvirt this is, in the shape in which `virtctl version` and the version subresource give it."""

from __future__ import annotations

from typing import Final

VERSION: Final = "v0.1.0"
#: what a tree that was not built from a tagged commit says of itself
UNKNOWN: Final = "unknown"


_ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64"}


def version_info(python: str, system: str, machine: str) -> dict[str, str]:
    """The fields that clients expect, for an interpreter's version, such as 3.13.1, on `linux` and `x86_64`."""
    return {
        "gitVersion": VERSION,
        "gitCommit": UNKNOWN,
        "gitTreeState": UNKNOWN,
        "buildDate": UNKNOWN,
        "goVersion": f"python{python}",
        "compiler": "cpython",
        "platform": f"{system}/{_ARCHITECTURES.get(machine, machine)}",
    }
