"""Segmill in somebody else's project: own users, addresses, cache, storage, queue, and name.

The wheel is installed into an environment that has what it requires and no more, with Celery as
the queue. `make test-package` does the same with pip, and tries every extra.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from django.db import connection

from tests.foreign.environment import link_packages, make_environment
from tests.packages import build_wheel

PROJECT = Path(__file__).parents[1] / "foreign/project"
DATABASE = "somebody_elses"
LIMIT_SECONDS = 240


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with the wheel."""
    folder = tmp_path_factory.mktemp("environment")
    return make_environment(folder / "venv", build_wheel(folder))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the project, with Celery beside it."""
    link_packages(tmp_path / "celery", ["celery"])
    return Path(shutil.copytree(PROJECT, tmp_path / "project"))


@pytest.fixture
def database(django_db_blocker: Any) -> Iterator[dict[str, Any]]:
    """Django's settings for an empty database on the server of the tests."""
    with django_db_blocker.unblock():
        connection.ensure_connection()
        server = connection.get_connection_params()
    where = {name: server[name] for name in ("host", "port", "user", "password") if name in server}
    admin = psycopg2.connect(**where, dbname="postgres")
    admin.autocommit = True
    with admin.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {DATABASE}")
        cursor.execute(f"CREATE DATABASE {DATABASE}")
    settings = {name.upper(): str(value) for name, value in where.items()}
    yield settings | {"ENGINE": "django.db.backends.postgresql", "NAME": DATABASE}
    with admin.cursor() as cursor:
        cursor.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")
    admin.close()


def run(python: Path, project: Path, *words: str, **environment: str) -> str:
    """What a program of the project prints."""
    outcome = subprocess.run(
        [python, *words],
        cwd=project,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(project.parent / "celery")}
        | environment,
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )
    assert outcome.returncode == 0, f"{outcome.stdout}\n{outcome.stderr}"
    return outcome.stdout


def test_imports_by_admin_api_and_python(
    python: Path, project: Path, database: dict[str, Any]
) -> None:
    shown = run(python, project, "try_it.py", FOREIGN_DATABASE=json.dumps(database))
    result = json.loads(shown.splitlines()[-1])

    assert result["imports"] == ["completed", "completed", "completed"]
    assert result["pages"] == [200, 200, 200]
    assert (result["document"], result["other site"], result["schema"]) == (200, 200, 200)
    assert result["found"] == [f"How do I reset the {it}?" for it in ("lamp", "fan", "pump")]
    assert result["doctor"]["ok"], result["doctor"]
    assert list((project / "uploads/imports").iterdir()), "uploads are in the project's storage"
