"""Guests: the pieces of a bootable disk, and the scripts inside, run as the guest's busybox would."""

from __future__ import annotations

import io
import lzma
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from images.guests import cpio, disk, grub, kernel, optional, tiny
from images.host import HostError
from images.tree import Entry

FILES = [path for folder in (tiny.FILES, optional.FILES) for path in folder.rglob("*") if path.is_file()]
SCRIPTS = [path for path in FILES if path.read_bytes().startswith(b"#!")]


def members(archive: bytes) -> dict[str, tuple[int, bytes]]:
    """Name -> (mode, content) of a newc archive, read by its own headers."""
    found: dict[str, tuple[int, bytes]] = {}
    at = 0
    while True:
        fields = [int(archive[at + 6 + 8 * index : at + 14 + 8 * index], 16) for index in range(13)]
        assert archive[at : at + 6] == b"070701"
        name_at = at + 110
        name = archive[name_at : name_at + fields[11] - 1].decode()
        data_at = (name_at + fields[11] + 3) // 4 * 4
        if name == "TRAILER!!!":
            return found
        found[name] = (fields[1], archive[data_at : data_at + fields[6]])
        at = (data_at + fields[6] + 3) // 4 * 4


def test_initramfs_reads_back() -> None:
    tree = {"etc": Entry(mode=0o755), "etc/f": Entry(data=b"12345", mode=0o600), "init": Entry(link="etc/f")}
    assert members(cpio.pack(tree)) == {
        "etc": (0o040755, b""),
        "etc/f": (0o100600, b"12345"),
        "init": (0o120777, b"etc/f"),
    }
    assert cpio.pack(tree) == cpio.pack(dict(reversed(tree.items())))


def module(*depends: str) -> bytes:
    return b"\x7fELF\0license=GPL\0depends=" + ",".join(depends).encode() + b"\0retpoline=Y\0"


def test_modules_come_after_what_they_need(tmp_path: Path) -> None:
    folder = tmp_path / "usr/lib/modules/6.1"
    folder.mkdir(parents=True)
    (folder / "modules.builtin").write_text("kernel/drivers/virtio/virtio.ko\n")
    for name, content in {"a": module("b-x", "virtio"), "b-x": module("c"), "c": module()}.items():
        (folder / f"{name}.ko.xz").write_bytes(lzma.compress(content))
    loaded = kernel.modules(tmp_path, ["a", "c"])
    assert list(loaded) == ["c", "b_x", "a"]
    assert loaded["c"] == module()
    with pytest.raises(HostError, match="no module gone"):
        kernel.modules(tmp_path, ["gone"])


def test_a_package_without_a_kernel_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="no kernel"):
        kernel.image(tmp_path)


def test_the_partition_table_names_one_active_partition() -> None:
    table = grub.partition_table(1234)
    assert len(table) == 66
    assert table[0] == 0x80
    assert int.from_bytes(table[8:12], "little") == grub.PARTITION_START
    assert int.from_bytes(table[12:16], "little") == 1234
    assert table[-2:] == b"\x55\xaa"


def test_what_grub_reads_is_a_plain_tar() -> None:
    payload = grub.tar_partition({"vmlinuz": b"k" * 1000, "initrd": b"i"})
    assert len(payload) % 512 == 0
    with tarfile.open(fileobj=io.BytesIO(payload)) as archive:
        assert archive.getnames() == ["initrd", "vmlinuz"]


def test_the_key_of_a_guest_follows_every_file_in_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = disk.key("guest-tiny")
    assert before == disk.key("guest-tiny")
    shutil.copytree(tiny.FILES, tmp_path / "tiny")
    with open(tmp_path / "tiny/etc/issue", "a") as issue:
        issue.write("hello\n")
    monkeypatch.setattr(tiny, "FILES", tmp_path / "tiny")
    assert disk.key("guest-tiny") != before


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_are_shell(script: Path) -> None:
    subprocess.run(["sh", "-n", str(script)], check=True, timeout=10)


def awk(program: str, text: str, **variables: str) -> list[str]:
    settings = [word for name, value in variables.items() for word in ("-v", f"{name}={value}")]
    done = subprocess.run(
        ["awk", *settings, "-f", str(tiny.FILES / "usr/libexec" / program)],
        input=text,
        text=True,
        capture_output=True,
        check=True,
        timeout=10,
    )
    return done.stdout.splitlines()


NETWORK = """version: 2
ethernets:
  eth0:
    addresses: [ "fd10:0:2::2/120", 10.0.0.3/24 ]
    gateway6: fd10:0:2::1
    gateway4: "10.0.0.1"
  eth1:
    addresses:
      - 10.9.9.9/16
    dhcp4: true
"""


@pytest.mark.parametrize(
    ("card", "commands"),
    [
        (
            "eth0",
            [
                "ip -6 addr add fd10:0:2::2/120 dev eth0",
                "ip -4 addr add 10.0.0.3/24 dev eth0",
                "ip -6 route replace default via fd10:0:2::1 dev eth0 onlink",
                "ip -4 route replace default via 10.0.0.1 dev eth0 onlink",
            ],
        ),
        ("eth1", ["ip -4 addr add 10.9.9.9/16 dev eth1"]),
        ("eth2", []),
    ],
)
def test_network_config_becomes_ip_commands(card: str, commands: list[str]) -> None:
    assert awk("network.awk", NETWORK, card=card) == commands


CLOUD_CONFIG = """#cloud-config
password: x
runcmd:
  - echo "it's one" > {0}/one
  - [ sh, -c, "echo two > {0}/two" ]
  - |
    echo three > {0}/three
    echo four >> {0}/three
final_message: done
"""


def test_runcmd_runs(tmp_path: Path) -> None:
    script = "\n".join(awk("runcmd.awk", CLOUD_CONFIG.format(tmp_path)))
    subprocess.run(["sh", "-e", "-c", script], check=True, timeout=10)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "one": "it's one\n",
        "two": "two\n",
        "three": "three\nfour\n",
    }


@pytest.mark.parametrize("name", optional.PARTS)
def test_a_part_can_be_started(name: str) -> None:
    files = optional.overlay(optional.FILES / name)
    assert files[f"usr/libexec/optional/{name}"].mode == 0o755
    assert all(not entry.is_directory for entry in files.values())
