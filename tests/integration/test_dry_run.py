"""A look at a file before it is imported."""

from io import BytesIO

import pytest

from datasets.models import Document
from segments.models import StagedRow
from segments.services import imports

pytestmark = pytest.mark.django_db(transaction=True)

ROWS = "question,answer,page\n" + "".join(f"question {n},answer {n},{n}\n" for n in range(40))


def test_the_columns_and_the_first_rows_are_shown(document: Document) -> None:
    found = imports.dry_run_import(document, BytesIO(ROWS.encode()), "rows.csv", len(ROWS))

    assert found.columns.names == ("question", "answer", "page")
    assert found.columns.unknown == ("page",)
    assert [row.content for row in found.sample][:2] == ["question 0", "question 1"]
    assert (found.rows, found.is_partial) == (40, False)


@pytest.mark.parametrize(("most", "rows", "partial"), [(39, 39, True), (40, 40, False)])
def test_of_a_large_file_only_the_first_rows_are_looked_at(
    document: Document, small_chunks: int, most: int, rows: int, partial: bool
) -> None:
    file = BytesIO(ROWS.encode())
    found = imports.dry_run_import(document, file, "rows.csv", len(ROWS), most_rows=most)

    assert (found.rows, found.is_partial) == (rows, partial)
    assert not StagedRow.objects.exists()
