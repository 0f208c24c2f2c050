"""What is built, in words and numbers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from images.build import Built
from images.cli import main
from images.naming import names_of, version
from images.registry import targets
from images.report import as_json, table

DIGEST = f"sha256:{'ab' * 32}"
IMAGE = Built(
    name="virt-api",
    names=names_of("virt-api", DIGEST, "abababababab"),
    digest=DIGEST,
    archive="/x.tar",
    size=2_500_000,
    unpacked=7_000_000,
)


def test_table_has_a_line_for_each_image() -> None:
    heading, line = table([IMAGE]).splitlines()
    assert heading.split() == ["IMAGE", "TAGS", "DIGEST", "COMPRESSED", "UNPACKED"]
    assert line.split()[0] == "localhost/podvirt/virt-api"
    assert line.endswith("2.5 MB      7.0 MB")


def test_json_has_bytes() -> None:
    (entry,) = json.loads(as_json([IMAGE]))
    assert entry["tags"] == [version(), "abababababab"]
    assert (entry["size"], entry["unpacked"], entry["digest"]) == (2_500_000, 7_000_000, DIGEST)


def test_a_registry_gets_the_tags_and_not_the_digest() -> None:
    assert targets(IMAGE, "registry.example.com/team/") == [
        IMAGE.names[0].replace("localhost/podvirt", "registry.example.com/team"),
        "registry.example.com/team/virt-api:abababababab",
    ]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["build", "virt-nothing"], "no image is called virt-nothing"),
        (["load"], "not built: anything"),
        (["push", "registry.example.com", "virt-api"], "not built: virt-api"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    arguments: list[str],
    complaint: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PODVIRT_CACHE", str(tmp_path))
    assert main(arguments) == 1
    said = capsys.readouterr().err
    assert complaint in said
    assert said.count("\n") == 1


def test_an_empty_cache_lists_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PODVIRT_CACHE", str(tmp_path))
    assert main(["list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []
