"""The launcher imports `api.vmi` once per VM: what it must not drag in, and the ground floor's own rule."""

import ast
import json
import subprocess
import sys
from pathlib import Path

API = Path(__file__).resolve().parents[3] / "api"
PROGRAM = """
import json, sys
import msgspec
before = set(sys.modules)
import api.lens, api.vmi
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def test_the_views_of_a_vmi_come_alone() -> None:
    run = subprocess.run([sys.executable, "-c", PROGRAM], cwd=API.parent, capture_output=True, timeout=60, check=True)
    loaded = set(json.loads(run.stdout))
    assert {name for name in loaded if not name.startswith("api")} <= {"copy", "fractions", "weakref", "_weakrefset"}
    assert not loaded & {"api.schema", "api.crd", "api.schema_check", "api.vm", "api.kubevirt"}


def test_the_ground_floor_stands_on_the_standard_library_and_msgspec() -> None:
    allowed = sys.stdlib_module_names | {"api", "msgspec"}
    for path in sorted(API.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert {name.partition(".")[0] for name in names} <= allowed, path


def test_modules_stay_readable() -> None:
    for path in sorted(API.rglob("*.py")):
        assert len(path.read_text().splitlines()) <= 300, path
