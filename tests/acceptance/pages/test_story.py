"""A sheet of 300 rows by people: published, corrected, found, edited, taken back, exported."""

import io
from pathlib import Path

import openpyxl
import pytest
from playwright.sync_api import Download, Locator, Page, Response, expect

from tests.acceptance.site import Site
from tests.workbooks import Cell, workbook

from .conftest import WAIT_MILLISECONDS

expect.set_options(timeout=WAIT_MILLISECONDS)

MOST_CLICKS, MOST_LOADS = 6, 3
WORKBOOK = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
PARTS = ("den Sattel", "die Kette", "das Pedal", "die Bremse", "den Lenker")
ASKED = "Kennwort vergessen, was nun?"
WRONG, RIGHT = "Klicken Sie auf der Startseite auf Hilfe.", "Klicken Sie auf Anmelden, dann Hilfe."
BAD_LINES = (54, 124, 303)
MAKE_DATASETS = """
from datasets.models import Dataset, Tenant
tenant = Tenant.objects.get(name="default")
for name in ("prices", "guides"):
    Dataset.objects.get_or_create(
        tenant=tenant, name=name, defaults={"indexing_technique": "economy"}
    )
"""


def sheet() -> bytes:
    """A title, a blank row, a German header, 300 rows; three of them have no answer."""
    rows: list[list[Cell]] = [
        ["Fragen unserer Kunden"],
        [],
        ["Frage", "Antwort", "Gruppe", "Preis"],
    ]
    for line in range(4, 304):
        question = f"Wie tausche ich {PARTS[line % 5]} am Modell {line} aus?"
        answer = f"Schraube {line} lösen, das neue Teil einsetzen und festziehen."
        rows.append([question, None if line in BAD_LINES else answer, "Werkstatt", line / 2])
    rows[10] = ["Was mache ich, wenn ich mein Passwort vergessen habe?", WRONG, "Konto", 0]
    return workbook(rows)


class Person:
    """Somebody at the start page, whose clicks and pages are counted."""

    def __init__(self, page: Page) -> None:
        self.page, self.clicks, self.loads = page, 0, 0
        page.goto("/admin/")
        page.on("response", self._count)

    def _count(self, response: Response) -> None:
        is_page = response.request.is_navigation_request() and response.status == 200
        self.loads += is_page and response.request.frame == self.page.main_frame

    def click(self, where: Locator) -> None:
        """Click once."""
        self.clicks += 1
        where.click()

    def publish(self, content: bytes, name: str, button: str) -> None:
        """From the start page to the outcome; a file is chosen by a click here and one there."""
        page = self.page
        self.click(page.get_by_role("link", name="Import a file", exact=True))
        self.clicks += 2
        file = {"name": name, "mimeType": WORKBOOK, "buffer": content}
        page.get_by_label("Choose a file").set_input_files(file)  # type: ignore[arg-type]
        self.click(page.get_by_role("button", name="Preview", exact=True))
        self.click(page.get_by_role("button", name=button, exact=True))
        expect(page.get_by_role("region", name="Outcome")).to_be_visible()

    def download(self, link: str) -> Download:
        """What a link gives."""
        with self.page.expect_download() as download:
            self.page.get_by_role("link", name=link, exact=True).click()
        return download.value


@pytest.fixture
def person(page: Page, site: Site) -> Person:
    """With several datasets, a new one is proposed for a new file."""
    site.python(MAKE_DATASETS)
    return Person(page)


def filled_in(report: Path) -> bytes:
    """The file of bad rows with an answer in each, and nothing else touched."""
    book = openpyxl.load_workbook(report)
    header, *rows = book.active.iter_rows()  # type: ignore[union-attr]  # it has a sheet
    names = [cell.value for cell in header]
    assert [str(row[names.index("error")].value).partition(":")[0] for row in rows] == [
        f"Line {line}" for line in BAD_LINES
    ]
    for row in rows:
        row[names.index("Antwort")].value = "In der Werkstatt."
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_a_sheet_becomes_answers_that_people_keep_right(person: Person, tmp_path: Path) -> None:
    page = person.page
    person.publish(sheet(), "Kundenfragen.xlsx", "Import the 297 good rows")
    assert person.clicks <= MOST_CLICKS
    assert person.loads <= MOST_LOADS
    outcome = page.get_by_role("region", name="Outcome")
    expect(outcome).to_contain_text("297 segments imported")
    expect(page.locator("[data-count=rows_published]")).to_have_text("297")
    expect(page.locator("#announcement")).to_contain_text("297 segments imported")
    expect(page.locator(".import-chart svg path")).to_have_count(3)
    expect(page.get_by_text("The header was found in row 3")).to_be_visible()
    expect(page.get_by_role("cell", name="The Antwort is blank.")).to_have_count(3)

    corrects_the_bad_rows(person, tmp_path)
    finds_and_corrects(page)
    takes_the_correction_back(page)
    takes_the_second_import_back(page)
    reads_the_export(person, tmp_path)


def corrects_the_bad_rows(person: Person, folder: Path) -> None:
    given = person.download("Download the bad rows")
    given.save_as(folder / "bad.xlsx")
    person.page.goto("/admin/")
    person.publish(filled_in(folder / "bad.xlsx"), given.suggested_filename, "Import 3 rows")
    expect(person.page.get_by_role("region", name="Outcome")).to_contain_text("3 segments imported")
    expect(person.page.get_by_text("dataset Kundenfragen")).to_be_visible()
    expect(person.page.get_by_role("heading", name="Bad rows")).to_have_count(0)


def finds_and_corrects(page: Page) -> None:
    page.goto("/admin/")
    page.get_by_placeholder("Ask a question").fill(ASKED)
    page.keyboard.press("Enter")
    first = page.get_by_role("article").first
    expect(first).to_contain_text(WRONG)
    first.get_by_text("Correct", exact=True).click()
    first.get_by_label("Answer").fill(RIGHT)
    first.get_by_role("button", name="Save").click()
    expect(page.get_by_text("was corrected")).to_be_visible()
    expect(page.get_by_role("article").first).to_contain_text(RIGHT)


def takes_the_correction_back(page: Page) -> None:
    page.get_by_role("link", name="See what was changed").click()
    expect(page.get_by_role("deletion").first).to_be_visible()
    page.get_by_role("button", name="Go back to before this").click()
    expect(page.get_by_label("Answer")).to_have_value(WRONG)


def takes_the_second_import_back(page: Page) -> None:
    page.goto("/admin/segments/importjob/")
    page.get_by_role("link", name="Kundenfragen-bad-rows.xlsx").first.click()
    page.get_by_role("link", name="Undo the import").click()
    page.get_by_role("button", name="Remove 3 segments").click()
    expect(page.locator(".import-headline .import-badge")).to_have_text("Undone")


def reads_the_export(person: Person, folder: Path) -> None:
    person.page.locator(".import-headline").get_by_role("link").click()
    person.download("Export to read: XLSX").save_as(folder / "export.xlsx")
    rows = list(openpyxl.load_workbook(folder / "export.xlsx").active.values)  # type: ignore[union-attr]
    assert rows[0][:2] == ("Frage", "Antwort")
    assert len(rows) == 1 + 297
    assert WRONG in {row[1] for row in rows}
