"""The way of a file through the pages of the admin, in a real browser with real workers."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from .conftest import WAIT_MILLISECONDS, OpenContext

expect.set_options(timeout=WAIT_MILLISECONDS)

NewDocument = Callable[[str], str]
TABS = 60


def rows(number: int, bad: int = 0) -> bytes:
    """A file of questions and answers, the last `bad` of them without an answer."""
    lines = ["question,answer"]
    lines += [f"How does part number {n} work?,Press button {n} and wait." for n in range(number)]
    lines += [f"What about part {n}?," for n in range(bad)]
    return "\n".join(lines).encode()


def choose(page: Page, document: str, content: bytes, name: str = "faq.csv") -> None:
    """Goes to the document, on to a new import, and chooses a file there."""
    page.goto(f"/admin/datasets/document/{document}/change/")
    page.get_by_role("link", name="Import a file").click()
    file = {"name": name, "mimeType": "text/csv", "buffer": content}
    page.get_by_label("Choose a file").set_input_files(file)  # type: ignore[arg-type]  # a payload


def look(page: Page) -> None:
    page.get_by_role("button", name="Preview", exact=True).click()


def start(page: Page) -> None:
    page.get_by_role("button", name=re.compile("^Import")).click()
    page.wait_for_url("**/change/")


def test_a_file_that_cannot_be_read_is_refused_where_it_was_chosen(
    page: Page, new_document: NewDocument
) -> None:
    choose(page, new_document("unreadable"), b"\x89PNG\r\n\x1a\n\0\0", "report.csv")
    look(page)

    expect(page.get_by_role("alert")).to_contain_text("picture")
    file = {"name": "good.csv", "mimeType": "text/csv", "buffer": rows(2)}
    page.get_by_label("Choose a file").set_input_files(file)  # type: ignore[arg-type]  # a payload
    look(page)
    expect(page.get_by_role("button", name="Import 2 rows")).to_be_visible()


def test_a_cancelled_import_leaves_nothing_and_can_be_retried(
    page: Page, new_document: NewDocument
) -> None:
    document = new_document("cancelled")
    choose(page, document, rows(60_000))
    look(page)
    start(page)
    page.get_by_role("button", name="Cancel the import").click()
    expect(page.locator(".import-headline .import-badge")).to_have_text("Cancelled")
    page.goto(f"/admin/segments/documentsegment/?document={document}")
    expect(page.get_by_text("0 results")).to_be_visible()

    page.go_back()
    page.get_by_role("button", name="Retry with the same file").click()
    expect(page.get_by_text("It retries an earlier import.")).to_be_visible()
    page.get_by_role("button", name="Cancel the import").click()
    expect(page.locator(".import-headline .import-badge")).to_have_text("Cancelled")


def test_an_import_is_watched_from_anywhere_and_through_a_reload(
    page: Page, open_context: OpenContext, new_document: NewDocument
) -> None:
    choose(page, new_document("watched"), rows(40_000))
    look(page)
    expect(page.get_by_text("The preview covers the first 10,000 rows")).to_be_visible()
    start(page)
    expect(page.locator("progress")).to_be_visible()

    other = open_context(viewport={"width": 390, "height": 844}).new_page()
    other.goto(page.url)
    expect(other.locator("[data-part=line]")).to_contain_text("rows per second")
    expect(other.locator(".import-chart svg path").first).to_be_visible()
    page.reload()
    expect(page.locator("progress, #outcome").first).to_be_visible()
    for watcher in (page, other):
        outcome = watcher.get_by_role("region", name="Outcome")
        expect(outcome).to_contain_text("40,000 segments imported")


def test_a_server_that_is_gone_for_a_while_is_waited_for(
    page: Page, new_document: NewDocument, troubles: list[str]
) -> None:
    page.route("**/state.json", lambda route: route.fulfill(status=503, body="busy"))
    choose(page, new_document("outage"), rows(30_000))
    look(page)
    start(page)
    expect(page.get_by_text("The server cannot be reached")).to_be_visible()

    page.unroute("**/state.json")
    expect(page.get_by_role("region", name="Outcome")).to_contain_text("30,000 segments imported")
    troubles[:] = [trouble for trouble in troubles if "503" not in trouble]


DROP = """
async ([selector, name, text]) => {
    const data = new DataTransfer();
    data.items.add(new File([text], name, { type: "text/csv" }));
    const target = document.querySelector(selector);
    for (const kind of ["dragenter", "dragover", "drop"]) {
        const event = new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true });
        target.dispatchEvent(event);
    }
}
"""


def test_a_dropped_file_is_taken(page: Page, new_document: NewDocument) -> None:
    page.goto(f"/admin/segments/importjob/new/{new_document('dropped')}/")
    page.evaluate(DROP, ["#drop", "dropped.csv", rows(5).decode()])
    look(page)

    expect(page.get_by_role("heading", name="dropped.csv")).to_be_visible()
    expect(page.get_by_role("button", name="Import 5 rows")).to_be_visible()


def tab_to(page: Page, words: str) -> None:
    """Goes by the Tab key to what is named `words`, as far as a person would have to."""
    for _ in range(TABS):
        page.keyboard.press("Tab")
        focused = page.evaluate(
            "() => { const at = document.activeElement;"
            " if (at === document.body) return '';"  # all text is in it, but nothing has the focus
            " return at.value || at.labels?.[0]?.textContent || at.textContent || ''; }"
        )
        if words in focused:
            return
    pytest.fail(f"“{words}” is not reached within {TABS} tabs of {page.url}")


def test_the_whole_way_needs_no_mouse(page: Page, new_document: NewDocument) -> None:
    # From now on choosers are caught: the key may be quicker than what is asked for only then.
    page.on("filechooser", lambda chooser: None)
    page.goto(f"/admin/datasets/document/{new_document('keyboard')}/change/")
    tab_to(page, "Import a file")
    page.keyboard.press("Enter")
    page.wait_for_url("**/new/**")
    tab_to(page, "Choose a file")
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Enter")
    file = {"name": "faq.csv", "mimeType": "text/csv", "buffer": rows(3)}
    chooser.value.set_files(file)  # type: ignore[arg-type]  # a payload
    tab_to(page, "Preview")
    page.keyboard.press("Enter")
    page.wait_for_url("**/preview/**")
    tab_to(page, "Import 3 rows")
    page.keyboard.press("Enter")
    page.wait_for_url("**/change/")
    expect(page.get_by_role("region", name="Outcome")).to_be_visible()
    tab_to(page, "View segments")
    page.keyboard.press("Enter")
    expect(page.get_by_text("3 results")).to_be_visible()


def test_the_focus_goes_on_when_an_import_ends(page: Page, new_document: NewDocument) -> None:
    choose(page, new_document("focus"), rows(20_000))
    look(page)
    start(page)
    page.get_by_role("button", name="Cancel the import").focus()

    expect(page.get_by_role("region", name="Outcome")).to_be_focused()
