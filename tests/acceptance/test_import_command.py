"""`manage.py import_segments` as a script runs it: exit code, standard output, no traceback."""

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from datasets.models import Document
from tests import commands
from tests.conftest import FILES

pytestmark = pytest.mark.django_db(transaction=True)

WriteRows = Callable[..., Path]
PLACE = ("--dataset", "handbook", "--document", "faq")


def test_success_is_exit_0_and_one_json_object(document: Document, write_rows: WriteRows) -> None:
    outcome = commands.run("import_segments", write_rows(3), *PLACE, "--json")

    assert outcome.code == 0
    assert outcome.report["status"] == "completed"
    assert outcome.stdout.count("\n") == 1
    assert "Embedding" in outcome.stderr


@pytest.mark.parametrize(
    ("file", "place"),
    [
        ("blank_answer.csv", PLACE),
        ("blank_answer.csv", ("--dataset", "handbok", "--document", "faq")),
    ],
)
def test_refusal_is_exit_1_and_one_json_object(
    file: str, place: tuple[str, ...], document: Document
) -> None:
    outcome = commands.run("import_segments", FILES / file, *place, "--json")

    assert outcome.code == 1
    assert outcome.report["status"] == "failed"
    assert outcome.report["error"]


def test_a_person_sees_why_in_any_encoding(document: Document) -> None:
    outcome = commands.run(
        "import_segments", FILES / "blank_answer.csv", *PLACE, PYTHONIOENCODING="ascii"
    )

    assert outcome.code == 1
    assert "Bad rows" in outcome.stdout
    assert "2 of 3 rows are bad" in outcome.stderr


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port on which nobody answers, as it is bound and not listened on."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def test_an_unreachable_database_is_one_sentence(
    closed_port: int, transactional_db: None, write_rows: WriteRows
) -> None:
    url = f"postgres://me:secret@127.0.0.1:{closed_port}/kb"
    command = ("import_segments", write_rows(1), *PLACE)

    machine = commands.run(*command, "--json", DATABASE_URL=url)
    person = commands.run(*command, DATABASE_URL=url)
    other = commands.run("showmigrations", DATABASE_URL=url)

    said = "The database does not answer. Check that it is running and that DATABASE_URL is right"
    assert machine.report["error"].startswith(said)
    assert said in person.stderr
    assert f"Error: {said}" in other.stderr
    assert (machine.code, person.code, other.code) == (1, 1, 1)
    assert "secret" not in machine.stdout + person.stderr + other.stderr


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("DATABASE_URL", "mysql://me:secret@localhost/kb", "DATABASE_URL names no PostgreSQL"),
        ("SEGMILL_CHUNK_ROWS", "many", "SEGMILL_CHUNK_ROWS to a whole number from 1"),
        ("SEGMILL_HOME", "/dev/null/home", "Set it to a folder that you own"),
    ],
)
def test_a_setting_that_cannot_be_used_is_refused(
    name: str, value: str, says: str, transactional_db: None, write_rows: WriteRows
) -> None:
    outcome = commands.run("import_segments", write_rows(1), *PLACE, **{name: value})

    assert outcome.code == 1
    assert outcome.stdout == ""
    assert says in outcome.stderr
    assert "secret" not in outcome.stderr


def test_a_dry_run_with_json_says_so(document: Document, write_rows: WriteRows) -> None:
    outcome = commands.run("import_segments", write_rows(5), *PLACE, "--dry-run", "--json")

    assert json.loads(outcome.stdout)["status"] == "dry_run"
    assert (outcome.code, outcome.report["rows"]) == (0, 5)
