"""From the start page to a published file, with nothing prepared: clicks and pages are counted."""

import csv
import io
from pathlib import Path

import pytest
from playwright.sync_api import Page, Response, expect

from tests.acceptance.site import Site
from tests.workbooks import Cell, workbook

from .conftest import WAIT_MILLISECONDS, OpenContext

expect.set_options(timeout=WAIT_MILLISECONDS)

MOST_CLICKS, MOST_LOADS = 6, 3
TITLE: list[list[Cell]] = [["Fragen unserer Kunden"], []]
HEADER: list[Cell] = ["Frage", "Antwort", "Kategorie"]
WORKBOOK = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

TWO_DATASETS = """
from datasets.models import Dataset, Tenant
tenant = Tenant.objects.get(name="default")
for name in ("prices", "guides"):
    Dataset.objects.get_or_create(
        tenant=tenant, name=name, defaults={"indexing_technique": "economy"}
    )
"""


def sheet(rows: int, bad: int = 0) -> bytes:
    """A workbook with a title above its German header; the last `bad` rows have no answer."""
    good: list[list[Cell]] = [
        [f"Wie bestelle ich Ersatzteil {n}?", f"Im Laden unter Nummer {n}.", "Teile"]
        for n in range(rows)
    ]
    blank: list[list[Cell]] = [[f"Was kostet Ersatzteil {n}?", None, "Preise"] for n in range(bad)]
    return workbook([*TITLE, HEADER, *good, *blank])


class Counted:
    """A page whose loads and clicks are counted from the start page on."""

    def __init__(self, page: Page) -> None:
        self.page, self.clicks, self.loads = page, 0, 0
        page.goto("/admin/")
        page.on("response", self._count)

    def _count(self, response: Response) -> None:
        is_page = response.request.is_navigation_request() and response.status == 200
        self.loads += is_page and response.request.frame == self.page.main_frame

    def click(self, role: str, name: str) -> None:
        """Click a link or a button."""
        self.clicks += 1
        self.page.get_by_role(role, name=name, exact=True).click()  # type: ignore[arg-type]

    def choose(self, content: bytes, name: str, mime: str = WORKBOOK) -> None:
        """Choose a file: a click on the field, and one in the system's window."""
        self.clicks += 2
        file = {"name": name, "mimeType": mime, "buffer": content}
        self.page.get_by_label("Choose a file").set_input_files(file)  # type: ignore[arg-type]


@pytest.fixture
def counted(page: Page) -> Counted:
    return Counted(page)


@pytest.fixture
def two_datasets(site: Site) -> None:
    """With one dataset, that one is proposed; with more, one called like the file."""
    site.python(TWO_DATASETS)


@pytest.mark.usefixtures("two_datasets")
def test_a_sheet_is_published_within_six_clicks_and_three_pages(counted: Counted) -> None:
    counted.click("link", "Import a file")
    counted.choose(sheet(300), "Kundenfragen.xlsx")
    counted.click("button", "Preview")
    page = counted.page
    expect(page.get_by_label("Dataset")).to_have_value("Kundenfragen")
    expect(page.get_by_text("The header was found in row 3")).to_be_visible()
    counted.click("button", "Import 300 rows")

    expect(page.get_by_role("region", name="Outcome")).to_contain_text("300 segments imported")
    assert counted.clicks <= MOST_CLICKS
    assert counted.loads <= MOST_LOADS


def test_the_same_file_again_is_proposed_as_an_update(counted: Counted) -> None:
    page = counted.page
    page.goto("/admin/segments/importjob/upload/")
    counted.choose(sheet(30), "Zweimal.xlsx")
    counted.click("button", "Preview")
    counted.click("button", "Import 30 rows")
    expect(page.get_by_role("region", name="Outcome")).to_be_visible()

    page.goto("/admin/segments/importjob/upload/")
    counted.choose(sheet(31), "Zweimal.xlsx")
    counted.click("button", "Preview")
    expect(page.get_by_text("30 of 31 rows are in “Zweimal” already")).to_be_visible()
    counted.click("button", "Import: create 1, update 0")
    expect(page.get_by_role("region", name="Outcome")).to_be_visible()


def test_bad_rows_come_from_the_preview_and_go_back_as_they_are(
    counted: Counted, tmp_path: Path
) -> None:
    page = counted.page
    lines = ["Export vom 3. Mai", "", "Bemerkung;Auskunft"]
    lines += [f"Wie geht Schritt {n}?;So wie in Kapitel {n} gezeigt." for n in range(9)]
    content = "\r\n".join([*lines, "Was fehlt hier?;", ""]).encode()
    page.goto("/admin/segments/importjob/upload/")
    counted.choose(content, "Schritte.csv", "text/csv")
    counted.click("button", "Preview")
    counted.click("button", "Import the 9 good rows")
    expect(page.get_by_role("region", name="Outcome")).to_contain_text("9 segments imported")

    page.goto("/admin/segments/importjob/upload/")
    counted.choose(content, "Schritte.csv", "text/csv")
    counted.click("button", "Preview")
    with page.expect_download() as download:
        counted.click("link", "Download the bad rows")
    download.value.save_as(tmp_path / "bad.csv")
    (row,) = csv.DictReader(
        io.StringIO((tmp_path / "bad.csv").read_text("utf-8-sig")), delimiter=";"
    )
    assert row["error"].startswith("Line 13: ")
    corrected = "\r\n".join(
        [";".join(row), ";".join({**row, "Auskunft": "Nichts."}.values()), ""]
    ).encode()
    page.goto("/admin/segments/importjob/upload/")
    counted.choose(corrected, download.value.suggested_filename, "text/csv")
    counted.click("button", "Preview")
    counted.click("button", "Import 1 row")
    expect(page.get_by_role("region", name="Outcome")).to_contain_text("1 segment imported")


def test_publishing_nothing_is_not_contradicted_by_a_button(counted: Counted) -> None:
    page = counted.page
    page.goto("/admin/segments/importjob/upload/")
    counted.choose(sheet(5, bad=1), "Nichts.xlsx")
    counted.click("button", "Preview")
    expect(page.get_by_role("button", name="Import the 5 good rows")).to_be_visible()
    page.get_by_text("Options: reading the file").click()
    page.locator("#policy").select_option("abort")
    counted.click("button", "Refresh preview")
    expect(page.get_by_role("alert")).to_contain_text("nothing would be imported")
    expect(page.get_by_role("button", name="Import the 5 good rows")).to_have_count(0)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_pages_fit(open_context: OpenContext, theme: str, width: int, tmp_path: Path) -> None:
    page = open_context(viewport={"width": width, "height": 900}, color_scheme=theme).new_page()
    overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    counted = Counted(page)
    page.screenshot(path=tmp_path / "start.png", full_page=True)
    assert page.evaluate(overflow) <= 0
    counted.click("link", "Import a file")
    page.screenshot(path=tmp_path / "upload.png", full_page=True)
    assert page.evaluate(overflow) <= 0
    counted.choose(sheet(20, bad=2), f"Passt {theme} {width}.xlsx")
    counted.click("button", "Preview")
    expect(page.get_by_role("heading", name="Bad rows")).to_be_visible()
    page.screenshot(path=tmp_path / "look.png", full_page=True)
    assert page.evaluate(overflow) <= 0
