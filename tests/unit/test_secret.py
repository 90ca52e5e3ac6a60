"""The signing key of a home."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from config.home import local_secret_key

PRINT_KEY = """
import sys
from pathlib import Path
from config.home import local_secret_key
sys.stdin.readline()
print(local_secret_key(Path(sys.argv[1])))
"""


def test_it_is_made_once_and_is_its_owners_alone(tmp_path: Path) -> None:
    home = tmp_path / "new" / "home"

    key = local_secret_key(home)

    assert len(key) >= 50
    assert local_secret_key(home) == key
    assert (home / "secret_key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in home.iterdir()] == ["secret_key"]


def test_two_homes_have_two(tmp_path: Path) -> None:
    assert local_secret_key(tmp_path / "a") != local_secret_key(tmp_path / "b")


def test_processes_that_start_together_agree_on_one(tmp_path: Path) -> None:
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", PRINT_KEY, str(tmp_path / "home")],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(6)
    ]
    keys = {racer.communicate("go\n")[0] for racer in racers}

    assert keys == {local_secret_key(tmp_path / "home") + "\n"}
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["secret_key"]


def test_a_home_that_cannot_be_written_is_refused_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ImproperlyConfigured, match=r"SEGMILL_HOME is .*file/home.*that you own"):
        local_secret_key(tmp_path / "file" / "home")


def test_with_a_key_of_its_own_too(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    outcome = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=Path(__file__).parents[2],
        env={
            "PATH": os.environ["PATH"],
            "SEGMILL_SECRET_KEY": "k" * 64,
            "SEGMILL_HOME": str(tmp_path / "file" / "home"),
        },
        capture_output=True,
        text=True,
        check=False,
    )

    assert outcome.returncode == 1
    assert outcome.stderr.startswith("Error: SEGMILL_HOME is ")
