"""The floors of the house are a test, and each contract is shown to bite on a planted violation."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]
ROOF = ("virt_operator", "virt_api", "virt_controller", "virt_handler", "virt_launcher", "virtctl")
PACKAGES = ("api", "virt_model", "virt_runtime", "virt_ipc", *ROOF)

PLANTED = {
    "floors": ("api/planted.py", "import virt_model\n"),
    "siblings": ("virt_handler/planted.py", "import virt_controller.plan\n"),
    "purity": ("virt_controller/plan/planted.py", "import time\n"),
    "rooms": ("virt_launcher/plan/planted.py", "import virt_launcher.adapters\n"),
    "lean launcher": ("virt_launcher/planted.py", "import aiohttp\n"),
}


def lint(tree: Path) -> subprocess.CompletedProcess[str]:
    program = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    command = [sys.executable, "-c", program, "--no-cache"]
    return subprocess.run(
        command,
        cwd=tree,
        capture_output=True,
        text=True,
        timeout=120,
        env={"PYTHONPATH": str(tree), "PATH": "/usr/bin:/bin"},
    )


def test_every_module_stays_on_its_floor() -> None:
    result = lint(REPO)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("contract", PLANTED)
def test_a_planted_violation_is_found(contract: str, tmp_path: Path) -> None:
    for package in PACKAGES:
        shutil.copytree(REPO / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
    shutil.copy(REPO / ".importlinter", tmp_path)
    where, text = PLANTED[contract]
    (tmp_path / where).write_text(text)
    result = lint(tmp_path)
    assert result.returncode != 0, f"{where} with {text!r} went unnoticed"
    assert "BROKEN" in result.stdout
