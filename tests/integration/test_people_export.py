"""The export for people: their columns, numbers as numbers, dates as dates, no live formula."""

import csv
import io
from pathlib import Path

import openpyxl
import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from datasets.models import Dataset, DocForm, Document
from segments.files.types import FileFormat
from segments.models import DocumentSegment
from segments.services.people_exports import export_for_people

from .conftest import ImportText, MakeDocument

pytestmark = pytest.mark.django_db(transaction=True)

FILE = (
    "Frage,Antwort,Kategorie,Preis,Datum,PLZ,Nr\n"
    "Wie setze ich es zurück?,=Knopf drücken.,Gerät,12.5,2024-05-31,02345,-1\n"
    "Wo wird es gebaut?,In Ulm.,Werk,7,2024-06-01,89073,x\n"
)
HEADER = ["Frage", "Antwort", "Kategorie", "Preis", "Datum", "PLZ", "Nr"]


@pytest.fixture
def filled(document: Document, import_text: ImportText) -> Document:
    assert import_text(document, FILE, unknown="metadata").error == ""
    return document


def rows_of_csv(document: Document) -> list[list[str]]:
    content = b"".join(export_for_people(document, FileFormat.CSV)).decode("utf-8-sig")
    return list(csv.reader(io.StringIO(content)))


def test_a_workbook_has_numbers_dates_and_the_columns_of_the_file(filled: Document) -> None:
    content = b"".join(export_for_people(filled, FileFormat.XLSX))
    sheet = openpyxl.load_workbook(io.BytesIO(content)).active
    header, first, second = sheet.iter_rows()

    assert [cell.value for cell in header] == HEADER
    assert [cell.data_type for cell in first] == ["s", "s", "s", "n", "d", "s", "s"]
    assert first[3].value == 12.5
    assert str(first[4].value) == "2024-05-31 00:00:00"
    assert [cell.value for cell in first][5:] == ["02345", "-1"]
    assert first[1].value == "=Knopf drücken."
    assert [cell.value for cell in second][3:] == [7, second[4].value, "89073", "x"]


def test_a_text_table_guards_formulas_and_no_numbers(filled: Document) -> None:
    header, first, _ = rows_of_csv(filled)
    assert header == HEADER
    assert first[1] == "'=Knopf drücken."
    assert first[3:6] == ["12.5", "2024-05-31", "02345"]


def test_what_only_some_segments_have_follows(filled: Document) -> None:
    segment = DocumentSegment.objects.filter(document=filled, position=2)
    segment.update(keywords=["ort"], enabled=False, metadata={"Farbe": "rot", "Preis": 3})
    header, first, second = rows_of_csv(filled)
    assert header == [*HEADER[:2], "Kategorie", "Preis", "Datum", "PLZ", "Nr", *header[7:]]
    assert header[7:] == ["keywords", "enabled", "Farbe"]
    assert first[7:] == ["", "true", ""]
    assert second[2:] == ["", "3", "", "", "", "ort", "false", "rot"]


def test_a_document_that_had_no_file_has_plain_columns(document: Document) -> None:
    assert rows_of_csv(document) == [["Question", "Answer"]]


def test_the_command_and_the_page_give_it(
    filled: Document, tmp_path: Path, admin_client: Client
) -> None:
    path = tmp_path / "people.csv"
    place = {"tenant": "acme", "dataset": "handbook", "document": "faq"}
    call_command("export_segments", "--for", "people", output=path, **place)
    assert path.read_text("utf-8-sig").startswith("Frage,Antwort,Kategorie")
    with pytest.raises(CommandError, match="--for people writes csv and xlsx"):
        call_command("export_segments", "--for", "people", output=tmp_path / "x.jsonl", **place)

    url = reverse("admin:segments_importjob_people", args=[filled.pk, "csv"])
    answer = admin_client.get(url)
    assert answer.getvalue().decode("utf-8-sig").startswith("Frage,Antwort")
    assert "faq%20for%20people.csv" in answer["Content-Disposition"]


def test_passages_with_parts_are_exported_as_passages(
    dataset: Dataset, make_document: MakeDocument, import_text: ImportText
) -> None:
    guides = make_document(dataset, "guides", DocForm.HIERARCHICAL)
    assert import_text(guides, "content,page\nOil it. Weekly.,7\n", unknown="metadata").error == ""

    assert rows_of_csv(guides) == [["content", "page"], ["Oil it. Weekly.", "7"]]
