"""axe-core finds nothing to object to on any page, light on a desk and dark on a phone.

`tests/axe/axe.min.js` is axe-core 4.14.1 of Deque Systems, unchanged, under the Mozilla Public
License 2.0 (`tests/axe/LICENSE`); it is no part of what is installed.
"""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.site import Site

from .conftest import OpenContext
from .test_looks import OVERFLOW, SIZES
from .test_pages import choose, look, rows

AXE = (Path(__file__).parents[2] / "axe" / "axe.min.js").read_text()
RUN = """axe.run().then(found => found.violations.flatMap(violation => violation.nodes.map(
    node => `${violation.id}: ${node.target.join(' ')}: ${node.failureSummary}`)))"""
FILL = """
from io import BytesIO
from datasets.models import Document
from segments.models import DocumentSegment, ImportJob
from segments.services import bulk_edits, imports
from segments.services.segments import NewText, delete_segments, update_segment
document = Document.objects.get(pk={document!r})
text = b"question,answer,metadata.price\\nHow do I reset it?,Hold it.,12\\nWhere?,In Ulm.,7\\n"
job = imports.start_import(document, BytesIO(text), "rows.csv", background=False)
imports.run_in_foreground(job)
first, second = DocumentSegment.objects.filter(document=document).order_by("position")
update_segment(first.pk, NewText(first.content, "Press it.", ["reset"]))
delete_segments([second.pk])
print(document.dataset_id, document.pk, job.pk, first.pk)
"""
SEARCH = "segments/documentsegment/search/?q=reset&compare=semantic&name=price&operator=is&value=12"
PAGES = (
    *("", SEARCH, "segments/documentsegment/search/"),
    *("datasets/tenant/", "datasets/tenant/add/", "datasets/dataset/", "datasets/dataset/add/"),
    *("datasets/dataset/{0}/change/", "datasets/document/", "datasets/document/add/"),
    *("datasets/document/{1}/change/", "datasets/document/{1}/delete/"),
    *("segments/importjob/", "segments/importjob/upload/", "segments/importjob/new/{1}/"),
    *("segments/importjob/{2}/change/", "segments/importjob/{2}/undo/"),
    *("segments/documentsegment/", "segments/documentsegment/add/"),
    *("segments/documentsegment/{3}/change/", "segments/documentsegment/{3}/history/"),
    *("segments/documentsegment/{3}/delete/", "segments/documentsegment/deleted/{1}/"),
    *("segments/searchjudgement/", "segments/apikey/", "segments/apikey/add/"),
    *("segments/modelprovider/", "segments/modelprovider/add/", "segments/reembedding/"),
    *("segments/reembedding/new/{0}/", "password_change/"),
)


@pytest.mark.parametrize(("theme", "size"), [("light", "desk"), ("dark", "phone")])
def test_no_page_has_a_violation(
    site: Site, new_document: object, open_context: OpenContext, theme: str, size: str
) -> None:
    document = new_document(f"accessible {theme}")  # type: ignore[operator]  # as conftest has it
    ids = site.python(FILL.format(document=document)).split()[-4:]
    page = open_context(viewport=SIZES[size], color_scheme=theme).new_page()
    found = {path: violations(page, f"/admin/{path.format(*ids)}") for path in PAGES}
    choose(page, document, rows(20, bad=2), "rows.csv")
    look(page)
    expect(page.get_by_role("heading", name="Bad rows")).to_be_visible()
    page.wait_for_load_state()
    found["preview"] = violations(page)
    page.context.clear_cookies()
    found["login"] = violations(page, "/admin/login/")
    lines = [f"{path}: {each}" for path, some in found.items() for each in some]
    assert not lines, "\n".join(lines)


def violations(page: Page, url: str = "") -> list[str]:
    """What axe objects to on the page."""
    if url:
        page.goto(url)
    page.evaluate(AXE)
    found: list[str] = page.evaluate(RUN)
    if page.evaluate(OVERFLOW) > 0:
        found.append("it is wider than the window")
    return found
