"""An image holds what its recipe names and the libraries those files need: nothing is kept because a package had it."""

from __future__ import annotations

from collections.abc import Collection

from images.elf import needed
from images.tree import Tree, follow_links

LIBRARY_DIRECTORIES = ("usr/lib/x86_64-linux-gnu", "usr/lib64", "usr/lib")


class MissingLibraries(Exception):
    """Kept files ask for libraries that neither this root nor a lower layer has."""


def with_libraries(tree: Tree, chosen: Tree, below: Collection[str] = ()) -> Tree:
    """``chosen`` and every shared library of ``tree`` that its ELF files reach.

    A library that only a lower layer (``below``: its paths) has is fine. One that is nowhere is an error here rather
    than in a running pod.
    """
    result = follow_links(tree, chosen)
    pending, missing = list(result), {}
    while pending:
        path = pending.pop()
        source = result[path].source
        for name in needed(source) if source is not None else ():
            found = _find(name, tree)
            if found is None and _find(name, dict.fromkeys(below)) is None:
                missing[name] = path
            elif found is not None and found not in result:
                added = follow_links(tree, {found: tree[found]})
                pending.extend(new for new in added if new not in result)
                result |= added
    if missing:
        raise MissingLibraries(", ".join(f"{name} (for {path})" for name, path in sorted(missing.items())))
    return result


def _find(name: str, paths: Collection[str]) -> str | None:
    candidates = (f"{directory}/{name}" for directory in LIBRARY_DIRECTORIES)
    return next((path for path in candidates if path in paths), None)
