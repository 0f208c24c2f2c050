"""The tables of recipes, and the keys made of them."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from images import source
from images.build import REPOSITORY, layer_key
from images.cache import digest_of
from images.layers import LAYERS
from images.recipe import ImageRecipe, Shim
from images.recipes import IMAGES
from images.source import BIN, missing_modules

every_image = pytest.mark.parametrize("name", IMAGES)


@every_image
def test_layers_stand_on_their_parents(name: str) -> None:
    pile = IMAGES[name].layers
    assert [LAYERS[layer].parent for layer in pile] == [None, *pile[:-1]]


@every_image
def test_every_command_calls_code_that_the_image_ships(name: str) -> None:
    recipe = IMAGES[name]
    assert missing_modules(REPOSITORY, recipe) == []
    assert {shim.module.split(".")[0] for shim in recipe.shims} <= set(recipe.ships)


@every_image
def test_the_entry_point_is_there(name: str) -> None:
    recipe = IMAGES[name]
    scripts = {f"usr/bin/{path.name}" for path in source.files_of(REPOSITORY, recipe.ships) if BIN in path.parts}
    assert recipe.entrypoint in {shim.path for shim in recipe.shims} | scripts


def test_only_the_node_agent_is_root() -> None:
    assert [name for name, recipe in IMAGES.items() if recipe.user == 0] == ["virt-handler"]


def test_the_launcher_ships_nothing_that_talks_to_kubernetes() -> None:
    assert "virt_runtime" not in IMAGES["virt-launcher"].ships


def test_a_shim_ends_with_what_its_function_returns(tmp_path: Path) -> None:
    (tmp_path / "anything.py").write_text("import sys\ndef go(): return len(sys.argv) + 5\n")
    script = Shim(path="x", module="anything", function="go").script().decode()
    code = f"import sys; sys.path.append({str(tmp_path)!r})\n{script}"
    assert subprocess.run([sys.executable, "-c", code, "one"], check=False).returncode == 7


@pytest.mark.parametrize("name", LAYERS)
def test_the_key_of_a_layer_is_the_same_in_another_process(name: str) -> None:
    code = f"from images.build import layer_key; print(layer_key({name!r}))"
    other = subprocess.run(
        [sys.executable, "-c", code],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONHASHSEED": "77", "PATH": "/usr/bin"},
    )
    assert other.stdout.strip() == layer_key(name)


def test_the_key_of_a_layer_follows_its_recipe_and_the_layer_below(monkeypatch: pytest.MonkeyPatch) -> None:
    before = {name: layer_key(name) for name in LAYERS}
    base = LAYERS["base"]
    changed = {**LAYERS, "base": replace(base, packages=(*base.packages, "hello"))}
    monkeypatch.setattr("images.build.LAYERS", changed)
    assert all(layer_key(name) != before[name] for name in before)


def test_digest_of_ignores_the_order_of_keys() -> None:
    assert digest_of({"a": 1, "b": (2, 3)}) == digest_of({"b": [2, 3], "a": 1})


def test_the_top_layer_follows_the_source(tmp_path: Path) -> None:
    recipe = ImageRecipe(layers=(), ships=("pack",), shims=(), entrypoint="", title="")
    (tmp_path / "pack" / "__pycache__").mkdir(parents=True)
    (tmp_path / "pack" / "a.py").write_text("x = 1\n")
    (tmp_path / "pack" / "__pycache__" / "a.cpython-311.pyc").write_bytes(b"never")
    before = source.fingerprint(tmp_path, recipe)
    assert set(before) == {"pack/a.py"}
    (tmp_path / "pack" / "a.py").write_text("x = 2\n")
    assert source.fingerprint(tmp_path, recipe) != before


def test_a_package_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(source.MissingSource, match="no package gone"):
        source.files_of(tmp_path, ["gone"])
