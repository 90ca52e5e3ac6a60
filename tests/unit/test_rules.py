"""Rules of the project that are kept by tests."""

import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import get_commands

PROJECT = Path(__file__).parents[2]
OUR_COMMANDS = sorted(
    name for name, app in get_commands().items() if app in ("config", "datasets", "segments")
)


def test_imports_point_down_only() -> None:
    linter = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run([linter, "--no-cache"], cwd=PROJECT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("command", OUR_COMMANDS)
def test_every_command_is_tested(command: str) -> None:
    called = f'"{command}"'
    tests = (PROJECT / "tests").rglob("test_*.py")
    assert any(called in path.read_text() for path in tests), f"no test calls {command}"
