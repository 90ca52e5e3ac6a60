"""axe-core finds nothing to object to on any page, light and dark, on a desk and on a phone.

Nor does the browser: each page keeps to the Content-Security-Policy, says nothing in the console
(`troubles` of conftest), and is never wider than the window.

`tests/axe/axe.min.js` is axe-core 4.14.1 of Deque Systems, unchanged, under the Mozilla Public
License 2.0 (`tests/axe/LICENSE`); it is no part of what is installed.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from playwright.sync_api import Page, expect

from tests.acceptance.site import Site

from .conftest import OpenContext
from .test_pages import NewDocument, choose, look, rows, start

AXE = (Path(__file__).parents[2] / "axe" / "axe.min.js").read_text()
RUN = """async rules => {
    // Loading style sheets once more, axe would put them inline, which the policy forbids.
    const options = rules.length ? { runOnly: { type: "rule", values: rules } } : {};
    const found = await axe.run({ ...options, preload: false });
    return found.violations.flatMap(violation => violation.nodes.map(
        node => `${violation.id}: ${node.target.join(' ')}: ${node.failureSummary}`));
}"""
# Colours fade from one theme to the other. To wait for the end would be to wait for frames, which
# a busy browser may owe for ever.
SETTLE = "document.getAnimations().forEach(each => each.finish())"
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
# Of the page of the API: all 72 are made alike, and axe would take half a minute.
KEEP_SOME_REQUESTS = """document.querySelectorAll("details.operation").forEach(each => {
    each.open = ["list_segments", "update_segment", "batch_import_segments"].includes(each.id);
    if (!each.open) each.remove();
})"""
Theme = Literal["light", "dark"]
DESK, PHONE = (1280, 900), (390, 844)
# All rules where the page is laid out anew; then those for which colours and sizes matter.
COLOURS = ("color-contrast", "link-in-text-block", "scrollable-region-focusable")
LOOKS: tuple[tuple[Theme, tuple[int, int], tuple[str, ...]], ...] = (
    *(("light", DESK, ()), ("dark", DESK, COLOURS)),
    *(("dark", PHONE, ()), ("light", PHONE, COLOURS)),
)
FILL = """
from io import BytesIO
from datasets.models import Document, Invitation, Tenant
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
other = Tenant.objects.create(name="Another team")
invitation = Invitation.objects.create(tenant=other, username="admin", role="editor")
print(document.dataset_id, document.pk, job.pk, first.pk, invitation.pk, document.tenant_id)
"""
SEARCH = "segments/documentsegment/search/?q=reset&compare=semantic&name=price&operator=is&value=12"
PAGES = (
    *("", SEARCH, "segments/documentsegment/search/"),
    *("datasets/tenant/", "datasets/tenant/add/", "datasets/tenant/{5}/change/"),
    *("datasets/dataset/", "datasets/dataset/add/", "datasets/dataset/{0}/change/"),
    *("datasets/document/", "datasets/document/add/", "datasets/document/{1}/change/"),
    *("datasets/document/{1}/delete/", "datasets/invitation/{4}/change/"),
    *("segments/importjob/", "segments/importjob/upload/", "segments/importjob/new/{1}/"),
    *("segments/importjob/{2}/change/", "segments/importjob/{2}/undo/"),
    *("segments/documentsegment/", "segments/documentsegment/add/"),
    *("segments/documentsegment/{3}/change/", "segments/documentsegment/{3}/history/"),
    *("segments/documentsegment/{3}/delete/", "segments/documentsegment/deleted/{1}/"),
    *("segments/searchjudgement/", "segments/apikey/", "segments/apikey/add/"),
    *("segments/modelprovider/", "segments/modelprovider/add/", "segments/reembedding/"),
    *("segments/reembedding/new/{0}/", "segments/auditentry/", "password_change/"),
)


def test_no_page_has_a_violation(
    site: Site, new_document: NewDocument, open_context: OpenContext
) -> None:
    document = new_document("accessible")
    ids = site.python(FILL.format(document=document)).split()[-6:]
    page = open_context(viewport={"width": DESK[0], "height": DESK[1]}).new_page()
    found: list[str] = []
    for path in PAGES:
        page.goto(f"/admin/{path.format(*ids)}")
        found += violations(page)
    found += violations_on_the_way_of_a_file(page, document)
    page.goto("/v1/docs")
    page.evaluate(KEEP_SOME_REQUESTS)
    found += violations(page)
    page.context.clear_cookies()
    page.goto("/admin/login/")
    found += violations(page)
    assert not found, "\n".join(found)


def violations_on_the_way_of_a_file(page: Page, document: str) -> Iterator[str]:
    """Of a refusal, a preview with bad rows, an import that has ended, a change of the model."""
    choose(page, document, b"title,body\na,b\n", "a file with quite a long name of many words.csv")
    look(page)
    expect(page.get_by_role("alert")).to_be_visible()
    page.wait_for_load_state()
    yield from violations(page)
    choose(page, document, rows(20, bad=2), "rows.csv")
    look(page)
    expect(page.get_by_role("heading", name="Bad rows")).to_be_visible()
    page.wait_for_load_state()
    yield from violations(page)
    start(page)
    expect(page.get_by_role("region", name="Outcome")).to_be_visible()
    yield from violations(page)


def violations(page: Page) -> list[str]:
    """What axe objects to on the page, in all its looks."""
    page.evaluate(AXE)
    found = []
    for theme, (width, height), rules in LOOKS:
        page.emulate_media(color_scheme=theme)
        page.set_viewport_size({"width": width, "height": height})
        page.evaluate(SETTLE)
        told: list[str] = page.evaluate(RUN, rules)
        if page.evaluate(OVERFLOW) > 0:
            told.append("it is wider than the window")
        found += [f"{page.url} {theme} {width}: {each}" for each in told]
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": DESK[0], "height": DESK[1]})
    return found


def test_a_change_of_model_is_watched_to_its_end(page: Page, new_document: NewDocument) -> None:
    new_document("reembedded")
    page.goto("/admin/datasets/dataset/")
    page.get_by_role("link", name="handbook").click()
    page.get_by_role("link", name="Change the embedding model").click()
    page.get_by_label("Model").fill("l2_supercat_256")
    page.get_by_role("button", name="Re-embed").click()
    expect(page.get_by_role("region", name="Outcome")).to_contain_text("vectors of l2_supercat_256")
    expect(page.get_by_role("link", name="Choose another model")).to_be_visible()
    assert not violations(page)
