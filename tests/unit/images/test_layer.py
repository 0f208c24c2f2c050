"""A layer's bytes depend on its tree alone."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

from images.layer import write_tar
from images.tree import Entry, Tree, scan


def tar_of(tree: Tree) -> tuple[str, bytes]:
    sink = io.BytesIO()
    digest, length = write_tar(tree, sink)
    assert length == len(sink.getvalue())
    return digest, sink.getvalue()


def lay(folder: Path, mtime: int) -> Tree:
    folder.mkdir()
    (folder / "a").write_bytes(b"alpha")
    (folder / "long").mkdir()
    (folder / "long" / ("n" * 200)).write_bytes(b"name")
    (folder / "link").symlink_to("a")
    for path in folder.rglob("*"):
        os.utime(path, (mtime, mtime), follow_symlinks=False)
    return scan(folder)


def test_neither_time_nor_place_nor_order_matters(tmp_path: Path) -> None:
    one, two = lay(tmp_path / "one", 1), lay(tmp_path / "two", 2_000_000_000)
    assert tar_of(one) == tar_of(dict(reversed(two.items())))


def test_content_mode_and_owner_matter() -> None:
    digests = {
        tar_of({"f": entry})[0]
        for entry in (Entry(data=b"1"), Entry(data=b"2"), Entry(data=b"1", mode=0o600), Entry(data=b"1", uid=107))
    }
    assert len(digests) == 4


def test_a_tar_reader_finds_what_was_put_in() -> None:
    tree = {"d": Entry(mode=0o1777), "d/f": Entry(data=b"bytes", mode=0o440, uid=107, gid=107), "d/l": Entry(link="f")}
    with tarfile.open(fileobj=io.BytesIO(tar_of(tree)[1])) as archive:
        assert archive.getnames() == ["d", "d/f", "d/l"]
        file = archive.getmember("d/f")
        assert (file.mode, file.uid, file.gid) == (0o440, 107, 107)
        content = archive.extractfile(file)
        assert content is not None and content.read() == b"bytes"
        assert archive.getmember("d/l").linkname == "f"
        assert archive.getmember("d").mode == 0o1777
