"""A machine that cannot build says why in one line."""

from __future__ import annotations

import pytest

from images.host import HostError, complaint, missing_packages, run

APT = """I: downloading packages with apt...
Reading package lists...
E: Unable to locate package no-such-thing
E: apt download failed: E: apt-get --yes -oDebug::pkgDpkgPm=1 install no-such-thing failed
I: main() received signal PIPE: waiting for setup...
E: mmdebstrap failed to run
"""


@pytest.mark.parametrize(
    ("output", "line"),
    [(APT, "Unable to locate package no-such-thing"), ("one\ntwo\n\n", "two"), ("", "it failed and said nothing")],
)
def test_the_telling_line_is_found(output: str, line: str) -> None:
    assert complaint(output) == line


def test_a_failed_command_becomes_one_line() -> None:
    with pytest.raises(HostError, match=r"^counting: bad luck$"):
        run(["sh", "-c", "echo hello; echo 'bad luck' >&2; exit 3"], what="counting", timeout=10)


def test_a_command_that_hangs_is_ended() -> None:
    with pytest.raises(HostError, match="did not end within"):
        run(["sh", "-c", "read never < /dev/zero; tail -f /dev/null"], what="waiting", timeout=0.2)


def test_output_is_returned() -> None:
    assert run(["printf", "x"], what="printing", timeout=10) == "x"


def test_missing_tools_are_named_by_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert missing_packages(["qemu-img", "zstd", "mmdebstrap"]) == ["mmdebstrap", "qemu-utils", "zstd"]
