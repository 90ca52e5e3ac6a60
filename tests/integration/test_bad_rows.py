"""Rows that are too long, too many or too wrong: each is told apart, and nothing is written."""

from io import BytesIO

import pytest
from pytest_django import Settings

from datasets.models import Document
from segments.exceptions import FileTooLarge
from segments.models import ImportJob, RowError
from segments.models.import_job import ImportSource
from segments.services import imports

from .conftest import ImportText
from .snapshot import snapshot

pytestmark = pytest.mark.django_db(transaction=True)

HEADER = "question,answer\n"
GOOD = HEADER + "When are you open?,Nine to five.\n"


def only_error(job: ImportJob) -> RowError:
    """The one bad row of an import that was refused for it."""
    assert job.error_code == "rows_refused", job.error
    return RowError.objects.get(job=job)


def test_a_cell_of_a_megabyte_is_a_bad_row(document: Document, import_text: ImportText) -> None:
    before = snapshot()

    error = only_error(import_text(document, f"{GOOD}{'word ' * 210_000},Yes.\n"))

    assert (error.line, error.column, error.code) == (3, "question", "cell_too_long")
    assert "1,050,000 characters; 100,000 are allowed." in error.reason
    assert "Split it" in error.reason
    assert len(error.value) == 81
    assert snapshot() == before


def test_a_text_over_the_models_limit_is_a_bad_row(
    document: Document, import_text: ImportText
) -> None:
    before = snapshot()

    error = only_error(import_text(document, f"{GOOD}{'apple ' * 8_193},Yes.\n"))

    assert (error.line, error.column, error.code) == (3, "question", "over_token_limit")
    assert "8,194 tokens; l2_supercat_256 takes 8,192. Split it" in error.reason
    assert error.value.startswith("apple apple")
    assert snapshot() == before


def test_only_what_is_embedded_counts_against_the_models_limit(
    document: Document, import_text: ImportText
) -> None:
    assert import_text(document, f"{HEADER}Why?,{'apple ' * 8_193}\n").status == "completed"


def test_a_row_with_too_many_different_words_for_full_text_is_a_bad_row(
    document: Document, import_text: ImportText, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("segments.imports.prepare.MAX_CELL_CHARS", 1_000_000)
    pairs = [chr(0x20000 + n) + "-" + chr(0x20000 + n + 20_000) for n in range(20_000)]
    answer = " ".join(pairs * 3)
    unique = " ".join(chr(0x4E00 + n % 20_000) + chr(0x20000 + n) for n in range(120_000))
    before = snapshot()

    error = only_error(import_text(document, f"{GOOD}Why?,{answer} {unique}\n"))

    assert (error.line, error.code) == (3, "full_text_too_large")
    assert "Split it" in error.reason
    assert snapshot() == before


def test_a_long_row_that_fits_into_full_text_is_imported(
    document: Document, import_text: ImportText
) -> None:
    job = import_text(document, f"{HEADER}Why?,{'中 ' * 49_999}\nHow?,{'word ' * 19_999}\n")

    assert job.status == "completed", job.error


def test_too_many_columns_are_refused(
    document: Document, import_text: ImportText, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("segments.imports.column_mapping.MAX_COLUMNS", 5)

    job = import_text(document, "question,answer,a,b,c,d\nWhen?,Now.,1,2,3,4\n")

    assert job.error_code == "header_refused"
    assert "6 columns; 5 are allowed." in job.error


def test_too_many_rows_are_refused(
    document: Document, import_text: ImportText, monkeypatch: pytest.MonkeyPatch, small_chunks: int
) -> None:
    monkeypatch.setattr("segments.imports.prepare.MAX_ROWS", small_chunks * 2)
    before = snapshot()

    job = import_text(document, HEADER + "When?,Now.\n" * (small_chunks * 2 + 1))

    assert job.error_code == "file_too_large"
    assert f"more than {small_chunks * 2} rows. Split it." in job.error
    assert snapshot() == before


def test_a_file_over_the_size_limit_is_not_even_kept(
    document: Document, settings: Settings
) -> None:
    settings.SEGMILL_MAX_FILE_BYTES = len(GOOD) - 1
    before = snapshot()

    with pytest.raises(FileTooLarge, match="SEGMILL_MAX_FILE_BYTES"):
        imports.start_import(
            document, BytesIO(GOOD.encode()), "rows.csv", source=ImportSource.COMMAND
        )

    assert snapshot() == before
    assert not ImportJob.objects.exists()


def test_all_that_is_wrong_with_a_row_is_said_at_once(
    document: Document, import_text: ImportText
) -> None:
    job = import_text(document, "question,answer,enabled\n ,\0,perhaps\n")

    errors = RowError.objects.filter(job=job)
    assert [(error.column, error.code) for error in errors] == [
        ("answer", "nul_character"),
        ("question", "blank_cell"),
        ("enabled", "unclear_switch"),
    ]
    assert (job.rows_failed, job.rows_total) == (1, 1)
    assert errors[0].raw == [" ", "␀", "perhaps"]


def test_every_bad_row_is_counted_and_as_many_reported_as_there_is_room_for(
    document: Document, import_text: ImportText, monkeypatch: pytest.MonkeyPatch, small_chunks: int
) -> None:
    monkeypatch.setattr("segments.imports.prepare_stats.MAX_ROW_ERRORS", small_chunks + 1)

    job = import_text(document, HEADER + "When?,\n" * 20)

    assert (job.rows_failed, job.rows_total) == (20, 20)
    assert RowError.objects.filter(job=job).count() == small_chunks + 1


def test_the_last_of_20000_rows_is_bad_and_nothing_changes(
    document: Document, import_text: ImportText
) -> None:
    import_text(document, GOOD)
    before = snapshot()
    rows = "".join(f"Question {n}?,Answer {n}.\n" for n in range(19_999))

    error = only_error(import_text(document, f"{HEADER}{rows}Question?,\n"))

    assert (error.line, error.column) == (20_001, "answer")
    assert snapshot() == before
