"""The door to files that a pod can write opens no link and leaves no root."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from virt_handler.adapters.safe_path import beneath, console_socket, launcher_socket, open_beneath
from virt_handler.adapters.session import nobody_listens


def test_a_plain_file_opens(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "f").write_text("x")
    os.close(open_beneath(str(tmp_path), "a/f"))


@pytest.mark.parametrize("relative", ["link", "dir/f", "../outside", "/etc/passwd", "a/../../outside"])
def test_links_and_escapes_do_not(tmp_path: Path, relative: str) -> None:
    root = tmp_path / "root"
    (root / "a").mkdir(parents=True)
    (tmp_path / "outside").write_text("secret")
    (root / "link").symlink_to(tmp_path / "outside")
    (root / "dir").symlink_to(tmp_path)
    (tmp_path / "f").write_text("secret")
    with pytest.raises(OSError):
        open_beneath(str(root), relative)


def test_a_socket_is_reached_through_the_door_and_known_dead_afterwards(tmp_path: Path) -> None:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "s"))
    listener.listen()
    with beneath(str(tmp_path), "s") as path, socket.socket(socket.AF_UNIX) as client:
        client.connect(path)
    descriptor = open_beneath(str(tmp_path), "s")
    assert not nobody_listens(descriptor)
    listener.close()
    assert nobody_listens(descriptor)
    os.close(descriptor)


def test_places_in_a_pod() -> None:
    assert launcher_socket("p") == "p/volumes/kubernetes.io~empty-dir/sockets/launcher-sock"
    assert console_socket("p", "v", "virt-vnc") == "p/volumes/kubernetes.io~empty-dir/private/v/virt-vnc"
