"""The words for a guest's shell, tried in a shell of this machine."""

from __future__ import annotations

import subprocess

import pytest

from bench.loads import LOADS, Load
from bench.ticks import TICKING


@pytest.mark.parametrize("load", LOADS, ids=[load.name for load in LOADS])
def test_a_shell_understands_the_words(load: Load) -> None:
    for words in (load.words, TICKING):
        assert len(words) < 1000, "a console takes no longer line"
        subprocess.run(["sh", "-n", "-c", words], check=True, timeout=20)
