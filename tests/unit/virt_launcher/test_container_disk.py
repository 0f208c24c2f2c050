"""Which file of an image is the disk."""

from __future__ import annotations

import pytest

from virt_launcher.plan.container_disk import Listing, choose
from virt_launcher.plan.refusal import CannotBuild

NOTHING = Listing(root=(), disk=())


@pytest.mark.parametrize(
    ("path", "listing", "expected"),
    [
        ("", Listing(root=(), disk=("disk.qcow2",)), "disk/disk.qcow2"),
        ("", Listing(root=("a.img",), disk=()), "a.img"),
        ("", Listing(root=("a.img",), disk=("b.img",)), "a.img"),
        ("", Listing(root=("a", "b"), disk=("c",)), "disk/c"),
        ("/images/x.raw", NOTHING, "images/x.raw"),
        ("images//./x.raw", NOTHING, "images/x.raw"),
    ],
)
def test_choice(path: str, listing: Listing, expected: str) -> None:
    assert choose(path, listing) == expected


@pytest.mark.parametrize(
    ("path", "listing", "advice"),
    [
        ("", NOTHING, "no disk: put one qcow2 or raw file"),
        ("", Listing(root=(), disk=("a", "b")), r"2 files in /disk \(a, b\): name one in containerDisk.path"),
        ("", Listing(root=("a", "b"), disk=()), "no disk"),
        ("/../etc/shadow", NOTHING, "without"),
        ("/", NOTHING, "does not name a file"),
    ],
)
def test_refusals_say_what_to_do(path: str, listing: Listing, advice: str) -> None:
    with pytest.raises(CannotBuild, match=advice):
        choose(path, listing)
