"""A file tree as a value: what a layer will hold, before a byte is copied.

A ``Tree`` maps paths (relative, ``/``-separated, no leading slash) to entries. Choosing, dropping and adding files is
dictionary work; the bytes stay where they are until the layer is written.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath

DIRECTORY_MODE = 0o755


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One file, link or directory: exactly one of ``source``, ``data``, ``link`` is set, none for a directory."""

    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    source: Path | None = None
    """A regular file on disk to take the bytes from."""
    data: bytes | None = None
    """The bytes of a regular file made here."""
    link: str | None = None
    """The target of a symbolic link."""

    @property
    def is_directory(self) -> bool:
        """Neither bytes nor target."""
        return self.source is None and self.data is None and self.link is None

    def fingerprint(self) -> str:
        """Equal for entries that a container cannot tell apart."""
        kind = "d" if self.is_directory else f"l{self.link}" if self.link is not None else f"f{self._content_hash()}"
        return f"{self.mode:o}:{self.uid}:{self.gid}:{kind}"

    def _content_hash(self) -> str:
        if self.source is None:
            return hashlib.sha256(self.data or b"").hexdigest()
        with open(self.source, "rb") as handle:
            return hashlib.file_digest(handle, "sha256").hexdigest()


Tree = dict[str, Entry]


def scan(root: Path) -> Tree:
    """Everything below ``root`` that an image can hold; sockets and device nodes are passed over."""
    tree: Tree = {}
    for folder, directories, files in os.walk(root):
        for name in (*directories, *files):
            path = Path(folder, name)
            entry = _entry(path)
            if entry is not None:
                tree[str(path.relative_to(root))] = entry
    return tree


def _entry(path: Path) -> Entry | None:
    info = path.lstat()
    mode, uid, gid = stat.S_IMODE(info.st_mode), info.st_uid, info.st_gid
    if stat.S_ISLNK(info.st_mode):
        return Entry(mode=0o777, uid=uid, gid=gid, link=os.readlink(path))
    if stat.S_ISDIR(info.st_mode):
        return Entry(mode=mode, uid=uid, gid=gid)
    return Entry(mode=mode, uid=uid, gid=gid, source=path) if stat.S_ISREG(info.st_mode) else None


@lru_cache(maxsize=256)
def _matcher(patterns: tuple[str, ...]) -> re.Pattern[str]:
    parts = []
    for pattern in patterns:
        words = re.split(r"(\*\*|\*)", pattern)
        parts.append("".join({"**": ".*", "*": "[^/]*"}.get(word, re.escape(word)) for word in words))
    return re.compile("|".join(f"(?:{part})" for part in parts) or r"(?!)")


def select(tree: Tree, keep: Iterable[str], drop: Iterable[str] = ()) -> Tree:
    """Entries whose path matches ``keep`` and not ``drop``.

    ``*`` stands for anything but a slash, ``**`` for anything. Directories come along only when named: the parents
    of files are added when the layer is finished (``with_parents``).
    """
    wanted, unwanted = _matcher(tuple(keep)), _matcher(tuple(drop))
    return {path: entry for path, entry in tree.items() if wanted.fullmatch(path) and not unwanted.fullmatch(path)}


def follow_links(tree: Tree, chosen: Tree) -> Tree:
    """``chosen`` and every file that its links, and the links' links, point at inside ``tree``."""
    result, pending = dict(chosen), list(chosen.items())
    while pending:
        path, entry = pending.pop()
        if entry.link is None:
            continue
        target = resolve_link(path, entry.link)
        found = tree.get(target)
        if found is not None and target not in result and not found.is_directory:
            result[target] = found
            pending.append((target, found))
    return result


def resolve_link(path: str, target: str) -> str:
    """The path that the link ``target`` at ``path`` names, without following further links."""
    joined = PurePosixPath("/", path).parent / target
    return os.path.normpath(str(joined)).lstrip("/")


def with_parents(chosen: Tree, origin: Tree, below: Iterable[str] = ()) -> Tree:
    """``chosen`` and the directories above each path, with the modes they have in ``origin``."""
    result, known = dict(chosen), set(below)
    for path in chosen:
        for parent in list(PurePosixPath(path).parents)[:-1]:
            name = str(parent)
            if name not in result and name not in known:
                result[name] = origin.get(name, Entry(mode=DIRECTORY_MODE))
    return result


def without(tree: Tree, below: dict[str, str]) -> Tree:
    """``tree`` less what a lower layer already holds unchanged; ``below`` maps paths to fingerprints."""
    return {path: entry for path, entry in tree.items() if below.get(path) != entry.fingerprint()}
