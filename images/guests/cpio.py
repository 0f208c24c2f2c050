"""An initramfs: a cpio archive in the "newc" form that the kernel unpacks (kernel docs, early-userspace)."""

from __future__ import annotations

from images.tree import Entry, Tree

REGULAR, DIRECTORY, LINK = 0o100000, 0o040000, 0o120000


def pack(tree: Tree) -> bytes:
    """``tree`` as a cpio archive, sorted, without times: the same tree gives the same bytes."""
    members = [_member(number, path, entry) for number, (path, entry) in enumerate(sorted(tree.items()), start=1)]
    archive = b"".join((*members, _record(0, "TRAILER!!!", 0, 0, 0, 1, b"")))
    return archive + b"\0" * (-len(archive) % 512)


def _member(number: int, path: str, entry: Entry) -> bytes:
    if entry.link is not None:
        return _record(number, path, LINK | 0o777, entry.uid, entry.gid, 1, entry.link.encode())
    if entry.is_directory:
        return _record(number, path, DIRECTORY | entry.mode, entry.uid, entry.gid, 2, b"")
    data = entry.source.read_bytes() if entry.source is not None else entry.data or b""
    return _record(number, path, REGULAR | entry.mode, entry.uid, entry.gid, 1, data)


def _record(inode: int, name: str, mode: int, uid: int, gid: int, links: int, data: bytes) -> bytes:
    raw = name.encode() + b"\0"
    fields = (inode, mode, uid, gid, links, 0, len(data), 0, 0, 0, 0, len(raw), 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + raw
    return head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4)
