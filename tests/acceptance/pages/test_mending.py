"""Bad rows come back as a file: corrected and sent again, it is clean, and nothing is missing."""

import csv
import io
from pathlib import Path

from playwright.sync_api import Page, expect

from .test_pages import NewDocument, choose, look, start

GOOD = "How does part {n} work?,Press button {n}.,true\n"
BAD = (
    "Where is part A?,,true\n"
    'What is part B?,"It is a pump, of steel.",perhaps\n'
    ",Part C has no question.,\n"
)
MENDED = {
    "Where is part A?": ("answer", "On the left."),
    "What is part B?": ("enabled", "true"),
    "": ("question", "What about part C?"),
}


def mended(report: Path) -> bytes:
    """The file of bad rows with each fault corrected, and nothing else touched."""
    lines = list(csv.DictReader(io.StringIO(report.read_text("utf-8-sig"), newline="")))
    assert len(lines) == len(MENDED)
    for line in lines:
        assert line["error"]
        column, value = MENDED[line["question"]]
        line[column] = value
    out = io.StringIO()
    writer = csv.DictWriter(out, lines[0])
    writer.writeheader()
    writer.writerows(lines)
    return out.getvalue().encode()


def test_a_file_corrected_from_its_own_report_is_imported_until_clean(
    page: Page, new_document: NewDocument, tmp_path: Path
) -> None:
    document = new_document("mended")
    rows = "".join(GOOD.format(n=n) for n in range(20))
    choose(page, document, f"question,answer,enabled\n{rows}{BAD}".encode(), "parts.csv")
    look(page)
    start(page)
    outcome = page.get_by_role("region", name="Outcome")
    expect(outcome).to_contain_text("20 segments imported")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the bad rows").click()
    assert download.value.suggested_filename == "parts-bad-rows.csv"
    download.value.save_as(tmp_path / "bad.csv")

    choose(page, document, mended(tmp_path / "bad.csv"), "parts-bad-rows.csv")
    look(page)
    expect(page.get_by_role("heading", name="Bad rows")).to_have_count(0)
    page.get_by_role("button", name="Import 3 rows").click()

    expect(outcome).to_contain_text("3 segments imported")
    expect(page.get_by_role("heading", name="Bad rows")).to_have_count(0)
    page.goto(f"/admin/segments/documentsegment/?document={document}")
    expect(page.get_by_text("23 results")).to_be_visible()
    expect(page.get_by_text("It is a pump, of steel.")).to_be_visible()
