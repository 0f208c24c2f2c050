"""One version, said in two places."""

from __future__ import annotations

import configparser
from pathlib import Path

from virt_model.version import VERSION


def test_the_version_is_that_of_the_package() -> None:
    parser = configparser.ConfigParser()
    parser.read(Path(__file__).resolve().parents[3] / "setup.cfg")
    assert f"v{parser['metadata']['version']}" == VERSION
