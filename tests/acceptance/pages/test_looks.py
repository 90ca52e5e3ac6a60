"""What the pages look like: light and dark, on a desk and on a phone, nothing cut off."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from .conftest import OpenContext
from .test_pages import NewDocument, choose, look, rows, start

SMALLEST_PICTURE = 5_000
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
SIZES = {"desk": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}
LISTS = (
    *("datasets/tenant", "datasets/dataset", "datasets/document"),
    *("segments/importjob", "segments/reembedding"),
)

TakePicture = Callable[[str], None]


@pytest.fixture(params=["light", "dark"])
def theme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=list(SIZES))
def size(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def page(open_context: OpenContext, theme: str, size: str) -> Page:
    return open_context(viewport=SIZES[size], color_scheme=theme).new_page()


@pytest.fixture
def picture(page: Page, theme: str, size: str, pictures: Path) -> TakePicture:
    """Takes a picture of the page; nothing on it may be wider than the window."""

    def take(name: str) -> None:
        path = pictures / f"{name}-{theme}-{size}.png"
        page.screenshot(path=path, full_page=True)
        assert path.stat().st_size > SMALLEST_PICTURE
        assert page.evaluate(OVERFLOW) <= 0, f"{name} is wider than the window"

    return take


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the pictures are, for whoever wants to look at them."""
    return tmp_path_factory.mktemp("pictures")


def is_dark(page: Page) -> bool:
    colours = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g)")
    return sum(map(int, colours)) < 3 * 128


def test_every_page_of_an_import_fits(
    page: Page, new_document: NewDocument, picture: TakePicture, theme: str, size: str
) -> None:
    document = new_document(f"looks {theme} {size}")
    choose(page, document, rows(200, bad=4), "a file with quite a long name of many words.csv")
    picture("choose")
    look(page)
    expect(page.get_by_role("heading", name="Bad rows")).to_be_visible()
    assert is_dark(page) is (theme == "dark")
    picture("preview")
    start(page)
    picture("progress")
    expect(page.get_by_role("region", name="Outcome")).to_be_visible()
    expect(page.locator(".import-chart svg path").first).to_be_visible()
    picture("done")
    page.get_by_role("link", name="Undo the import").click()
    picture("undo")
    page.goto(f"/admin/datasets/document/{document}/change/")
    picture("document")


def test_lists_and_refusals_fit(
    page: Page, new_document: NewDocument, picture: TakePicture
) -> None:
    choose(page, new_document("refused"), b"title,body\na,b\n")
    look(page)
    expect(page.get_by_role("alert")).to_be_visible()
    picture("refused")
    for model in LISTS:
        page.goto(f"/admin/{model}/")
        picture(model.replace("/", "-"))


def test_a_change_of_model_is_watched_to_its_end(
    page: Page, new_document: NewDocument, picture: TakePicture
) -> None:
    new_document("reembedded")
    page.goto("/admin/datasets/dataset/")
    page.get_by_role("link", name="handbook").click()
    page.get_by_role("link", name="Change the embedding model").click()
    page.get_by_label("Model").fill("l2_supercat_256")
    picture("reembedding-choose")
    page.get_by_role("button", name="Re-embed").click()
    picture("reembedding-progress")
    expect(page.get_by_role("region", name="Outcome")).to_contain_text("vectors of l2_supercat_256")
    expect(page.get_by_role("link", name="Choose another model")).to_be_visible()
    picture("reembedding-done")
