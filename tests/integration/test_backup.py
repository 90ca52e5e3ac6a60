"""A backup, restored by the commands of docs/operations.md, is an installation that works."""

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest
from django.db import connection
from psycopg2.extensions import ISOLATION_LEVEL_AUTOCOMMIT

from config.embedded.programs import program_folder
from datasets.models import Document
from tests import commands

from .conftest import ImportText

pytestmark = pytest.mark.django_db(transaction=True)

DOCUMENTATION = (Path(__file__).parents[2] / "docs/operations.md").read_text()
# What the document says, and how many segments, positions and vectors there are.
AGREE = """
    SELECT (SELECT segment_count FROM datasets_document), count(*), max(position), count(embedding)
    FROM segments_documentsegment
"""
QA = "question,answer\n" + "".join(f"question {n},answer {n}\n" for n in range(10))


@pytest.fixture
def empty_database() -> Iterator[str]:
    """Another database on the server of the tests, by its URL."""
    to = connection.get_connection_params() | {"dbname": "postgres"}
    admin = psycopg2.connect(**to)
    admin.set_isolation_level(ISOLATION_LEVEL_AUTOCOMMIT)
    try:
        with admin.cursor() as cursor:
            cursor.execute("CREATE DATABASE restored")
            try:
                yield commands.environment()["DATABASE_URL"].rpartition("/")[0] + "/restored"
            finally:
                cursor.execute("DROP DATABASE restored WITH (FORCE)")
    finally:
        admin.close()


def documented(program: str, url: str, folder: Path) -> None:
    """Run the command as the documentation has it."""
    found = re.search(rf"^{program} .*$", DOCUMENTATION, re.MULTILINE)
    assert found
    words = shlex.split(found[0].replace('"$DATABASE_URL"', shlex.quote(url)))
    subprocess.run([program_folder() / words[0], *words[1:]], cwd=folder, check=True)


def test_what_was_saved_comes_back_and_goes_on(
    document: Document, import_text: ImportText, empty_database: str, tmp_path: Path
) -> None:
    import_text(document, QA)
    documented("pg_dump", commands.environment()["DATABASE_URL"], tmp_path)
    documented("pg_restore", empty_database, tmp_path)

    file = tmp_path / "more.csv"
    file.write_text("question,answer\nmore,of it\nquestion 3,again\n")
    more = commands.run(
        *("import_segments", file, "--dataset", "handbook", "--document", "faq", "--json"),
        *("--tenant", "acme"),
        DATABASE_URL=empty_database,
    )
    assert (more.report["created"], more.report["reused"]) == (2, 1)
    with psycopg2.connect(empty_database) as restored, restored.cursor() as cursor:
        cursor.execute(AGREE)
        assert cursor.fetchone() == (12, 12, 12, 12)
    restored.close()
