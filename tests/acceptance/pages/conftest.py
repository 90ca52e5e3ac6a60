"""One installation and one browser for all tests of the pages."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from tests.acceptance.site import Site, own_home
from tests.browser import ARGUMENTS, REMEDY, find_browser
from tests.constants import with_constants

# Pages wait for workers on a machine that may be busy.
WAIT_MILLISECONDS = 90_000
# Endpoints of the tests are on this machine, and one failure is enough.
ENDPOINT_SETTINGS = {
    "SEGMILL_ENDPOINT_PRIVATE_ADDRESSES": "true",
    **with_constants({"segments.embedding.dispatch.ATTEMPTS": 1}),
}
MAKE_DOCUMENT = """
from datasets.models import Dataset, Document, Tenant
tenant = Tenant.objects.get(name="default")
dataset, _ = Dataset.objects.get_or_create(tenant=tenant, name="handbook", defaults=dict(
    embedding_model_provider="wordllama", embedding_model="l2_supercat_256"))
made = Document(tenant=tenant, dataset=dataset, name={name!r}, doc_form="qa_model")
made.save()
print(made.pk)
"""


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    """A running installation."""
    with own_home() as home, Site(home, "--port", "0", **ENDPOINT_SETTINGS) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium.

    Not for the whole session: while Playwright runs, Django takes this thread for asynchronous
    and refuses the other tests its database.
    """
    path = find_browser()
    if path is None:
        pytest.fail(REMEDY)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        yield running
        running.close()


@pytest.fixture(scope="module")
def logged_in(site: Site, browser: Browser) -> object:
    """The cookies of the admin."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{site.address}/")
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill(site.password)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/admin/")
    state = context.storage_state()
    context.close()
    return state


OpenContext = Callable[..., BrowserContext]


@pytest.fixture
def troubles() -> list[str]:
    """The errors and warnings in the consoles of the browser; none may be left at the end."""
    return []


@pytest.fixture
def open_context(
    site: Site, browser: Browser, logged_in: object, troubles: list[str]
) -> Iterator[OpenContext]:
    """Opens windows of people who are logged in."""
    contexts: list[BrowserContext] = []

    def note(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            troubles.append(f"{message.type}: {message.text}")

    def open_one(**settings: object) -> BrowserContext:
        context = browser.new_context(
            base_url=site.address,
            storage_state=logged_in,  # type: ignore[arg-type]  # as storage_state() gave it
            accept_downloads=True,
            **settings,  # type: ignore[arg-type]  # the caller's, by Playwright's own names
        )
        context.set_default_timeout(WAIT_MILLISECONDS)
        context.on("console", note)
        context.on("weberror", lambda error: troubles.append(str(error.error)))
        contexts.append(context)
        return context

    yield open_one
    for context in contexts:
        context.close()
    assert troubles == []


@pytest.fixture
def page(open_context: OpenContext) -> Page:
    """A page of a desktop browser."""
    return open_context(viewport={"width": 1280, "height": 900}).new_page()


@pytest.fixture
def new_document(site: Site) -> Callable[[str], str]:
    """Makes an empty document of questions and answers; its id."""
    return lambda name: site.python(MAKE_DOCUMENT.format(name=name))
