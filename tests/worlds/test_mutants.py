"""The worlds bite: each seeded error is caught."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from tests.worlds.explore import Explorer
from tests.worlds.mutants import MUTANTS, Mutant
from tests.worlds.scenarios import begin
from tests.worlds.search import Broken


@pytest.mark.parametrize("mutant", [pytest.param(mutant, id=mutant.error) for mutant in MUTANTS])
def test_mutant_is_caught(mutant: Mutant) -> None:
    caught = []
    with ExitStack() as stack:
        mutant.seed(stack)
        for world in mutant.worlds:
            explorer = Explorer()
            try:
                explorer.explore(begin(explorer, world))
            except Broken as broken:
                caught.append(f"{world}: {broken}")
                break
    assert caught, f"{mutant.error}: no world broke"
