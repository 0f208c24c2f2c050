"""Every small world, explored whole with the real plans."""

from __future__ import annotations

import pytest

from tests.worlds.explore import Explorer
from tests.worlds.scenarios import RUNNING, SCENARIOS, begin


@pytest.mark.parametrize("name", [*SCENARIOS, *RUNNING])
def test_world_keeps_its_laws_and_comes_to_rest(name: str) -> None:
    explorer = Explorer()
    report = explorer.explore(begin(explorer, name))
    assert report.at_rest > 0
    assert report.states > 50, "a world this small proves nothing"
