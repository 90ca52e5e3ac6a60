"""Just the bad rows, in the file's own format, to be mended and imported as they are."""

import csv
import io
import json
from io import BytesIO
from pathlib import Path

import openpyxl
import pytest
from django.core.management import CommandError, call_command

from datasets.models import Document
from segments.files.options import ImportOptions
from segments.models import DocumentSegment, ImportJob
from segments.models.import_job import ImportStatus
from segments.models.staging import REMEDIES
from segments.services import imports
from segments.services.bad_rows import bad_rows_of_dry_run, bad_rows_of_import
from tests.workbooks import workbook

from .conftest import ImportText

pytestmark = pytest.mark.django_db(transaction=True)

BAD_CSV = (
    "external_id;question;answer;note\n"
    "a;A?;1;n\nb;;2;n\nc;C?; ;n\nd;=D?;4;n\ne;E?\nf;F?;6;7;8\na;G?;7;n\n"
)


def reported(job: ImportJob) -> bytes:
    """The file of bad rows."""
    return b"".join(bad_rows_of_import(job).portions)


def test_the_report_has_the_bad_rows_in_the_files_columns(
    document: Document, import_text: ImportText
) -> None:
    job = import_text(document, BAD_CSV, on_error="skip")
    assert job.status == ImportStatus.COMPLETED, job.error
    assert (job.rows_created, job.rows_failed) == (2, 5)

    text = reported(job).decode("utf-8-sig")
    header, *rows = csv.reader(io.StringIO(text), delimiter=";")
    assert header == ["external_id", "question", "answer", "note", "error"]
    assert [row[:4] for row in rows] == [
        ["b", "", "2", "n"],
        ["c", "C?", " ", "n"],
        ["e", "E?", "", ""],
        ["f", "F?", "6", "7"],
        ["a", "G?", "7", ""],
    ]
    assert rows[0][4].startswith("Line 3: question: The question is blank.")
    assert rows[3][5:] == ["8"]
    assert "line 2 already" in rows[4][4]
    assert bad_rows_of_import(job).name == "rows-bad-rows.csv"


def test_a_corrected_report_brings_in_the_rest(document: Document, import_text: ImportText) -> None:
    job = import_text(document, BAD_CSV, on_error="skip")
    text = reported(job).decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(text), delimiter=";"))
    for row, mended in zip(rows[1:], ("B?", "C?", "E?", "F?", "G?"), strict=True):
        row[:] = [*row[:1], mended, row[2].strip() or "x", "n", row[4]]
    rows[-1][0] = "g"
    out = io.StringIO()
    csv.writer(out, delimiter=";").writerows(rows)

    again = import_text(document, out.getvalue(), "faq-bad-rows.csv")

    assert again.status == ImportStatus.COMPLETED, again.error
    found = DocumentSegment.objects.filter(document=document).order_by("position")
    assert list(found.values_list("external_id", flat=True)) == ["a", "d", "b", "c", "e", "f", "g"]
    assert found.get(external_id="d").content == "=D?"


def test_formulas_in_bad_rows_are_inert_and_come_back(
    document: Document, import_text: ImportText
) -> None:
    job = import_text(document, "question,answer\n=1+1,\n")
    header, row = csv.reader(io.StringIO(reported(job).decode("utf-8-sig")))
    assert header == ["question", "answer", "error", "escaped"]
    assert (row[0], row[3]) == ("'=1+1", "question")
    row[1] = "two"
    out = io.StringIO()
    csv.writer(out).writerows([header, row])
    assert import_text(document, out.getvalue()).status == ImportStatus.COMPLETED
    assert DocumentSegment.objects.get(document=document).content == "=1+1"


def test_a_report_on_a_report_has_one_error_column(
    document: Document, import_text: ImportText
) -> None:
    first = import_text(document, "question,answer\nA?,\n")
    second = import_text(document, reported(first), "again.csv")
    assert reported(second) == reported(first)


def test_the_report_of_a_workbook_is_one(document: Document, import_text: ImportText) -> None:
    content = workbook([["question", "answer"], ["A?", "1"], ["B?", None], [("", "<f>X()</f>"), 3]])
    job = import_text(document, content, "faq.xlsx", on_error="skip")

    page = openpyxl.load_workbook(BytesIO(reported(job))).worksheets[0]
    rows = [[cell.value for cell in row] for row in page.iter_rows()]
    assert rows[0] == ["question", "answer", "error"]
    assert [row[:2] for row in rows[1:]] == [["B?", None], [None, "3"]]
    assert [error.line for error in job.row_errors.all()] == [3, 4]


@pytest.mark.parametrize("as_lines", [True, False], ids=["lines", "array"])
def test_the_report_of_json_keeps_the_values(
    document: Document, import_text: ImportText, as_lines: bool
) -> None:
    objects = [
        {"question": "A?", "answer": "1"},
        {"question": "", "answer": "2", "keywords": ["x", "y,z"], "metadata": {"n": 1.5}},
        {"question": {"no": "text"}, "answer": "3"},
    ]
    text = "\n".join(map(json.dumps, objects)) if as_lines else json.dumps(objects)
    job = import_text(document, text, "faq.json", on_error="skip")

    found = reported(job).decode()
    rows = [json.loads(line) for line in found.splitlines()] if as_lines else json.loads(found)
    errors = [row.pop("error") for row in rows]
    assert rows == [
        {"answer": "2", "keywords": ["x", "y,z"], "metadata": {"n": 1.5}},
        {"question": {"no": "text"}, "answer": "3"},
    ]
    assert "not a text" in errors[1]
    rows[0]["question"], rows[1]["question"] = "B?", "C?"
    again = import_text(document, json.dumps(rows), "faq.json")
    assert again.status == ImportStatus.COMPLETED, again.error
    assert DocumentSegment.objects.get(content="B?").keywords == ["x", "y,z"]


def test_a_line_that_is_no_json_is_in_the_report(
    document: Document, import_text: ImportText
) -> None:
    job = import_text(document, '{"question": "A?", "answer": "1"}\n{"question": \n')
    row = json.loads(reported(job))
    assert row["text"] == '{"question":'
    assert row["error"].startswith("Line 2: This is not a JSON object")


def test_a_file_without_a_header_is_reported_with_numbers_and_comes_back(
    document: Document, import_text: ImportText
) -> None:
    job = import_text(document, "A?,1\n,2\n", no_header=True, on_error="skip")
    assert list(csv.reader(io.StringIO(reported(job).decode("utf-8-sig")))) == [
        ["1", "2", "error"],
        ["", "2", "Line 2: 1: The 1 is blank. Fill it or remove the row."],
    ]
    corrected = b"1,2,error\nB?,2,Line 2: corrected\n"
    for is_told in (False, True):
        again = import_text(document, corrected, no_header=is_told)
        assert (again.status, again.rows_total) == (ImportStatus.COMPLETED, 1), again.error


def test_a_dry_run_has_the_same_report(document: Document, import_text: ImportText) -> None:
    content = BAD_CSV.encode()
    found = imports.dry_run_import(
        document, BytesIO(content), "faq.csv", len(content), options=ImportOptions()
    )
    job = import_text(document, BAD_CSV)
    file = bad_rows_of_dry_run(found, "faq.csv.gz", document, ImportOptions())
    assert file.name == "faq-bad-rows.csv"
    assert b"".join(file.portions) == reported(job)


def test_every_bad_row_has_a_remedy(document: Document, import_text: ImportText) -> None:
    job = import_text(document, BAD_CSV)
    assert {error.code for error in job.row_errors.all()} <= set(REMEDIES)
    assert all(error.remedy for error in job.row_errors.all())


@pytest.mark.parametrize("dry_run", [True, False])
def test_the_command_writes_the_report(document: Document, tmp_path: Path, dry_run: bool) -> None:
    file, report = tmp_path / "faq.csv", tmp_path / "bad.csv"
    file.write_text(BAD_CSV)
    with pytest.raises(CommandError, match="5 "):
        call_command(
            "import_segments",
            file,
            tenant="acme",
            dataset="handbook",
            document="faq",
            report=report,
            dry_run=dry_run,
        )
    assert report.read_text("utf-8-sig").startswith(
        '"external_id";"question";"answer";"note";"error"'
    )
    assert len(report.read_text().splitlines()) == 6
