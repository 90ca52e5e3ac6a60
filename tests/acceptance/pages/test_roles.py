"""What people of another role find in a real browser; every role's every page is tested by HTTP."""

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.acceptance.site import Site

from .conftest import OpenContext
from .test_pages import NewDocument, choose, look, rows, start

MAKE_USER = """
from django.contrib.auth.models import User
from datasets.models import Membership, Tenant
user = User.objects.create_user({name!r}, password={name!r}, is_staff=True)
tenant, _ = Tenant.objects.get_or_create(name={tenant!r})
Membership.objects.create(tenant=tenant, user=user, role={role!r})
"""
ACTIONS = ("Cancel", "Retry", "Undo", "Import another file")

LogInAs = Callable[[str, str], Page]


@pytest.fixture
def log_in_as(site: Site, open_context: OpenContext) -> LogInAs:
    """Makes a user with a role in a tenant and logs them in, in a window of their own."""

    def log_in_as(role: str, tenant: str) -> Page:
        name = f"{role} of {tenant}"
        site.python(MAKE_USER.format(name=name, tenant=tenant, role=role))
        context: BrowserContext = open_context()
        context.clear_cookies()
        page = context.new_page()
        page.goto("/admin/")
        page.get_by_label("Username").fill(name)
        page.get_by_label("Password").fill(name)
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url("**/admin/")
        return page

    return log_in_as


def test_a_viewer_changes_nothing_and_an_outsider_finds_nothing(
    page: Page, new_document: NewDocument, log_in_as: LogInAs, troubles: list[str]
) -> None:
    document = new_document("seen by others")
    choose(page, document, rows(3, bad=1))
    look(page)
    start(page)
    expect(page.get_by_role("region", name="Outcome")).to_be_visible()

    sees_and_changes_nothing(log_in_as("viewer", "default"), document, page.url)
    finds_nothing(log_in_as("owner", "another tenant"), document, page.url)
    # Chromium tells of every page that is refused.
    troubles[:] = [each for each in troubles if "403" not in each and "404" not in each]


def sees_and_changes_nothing(page: Page, document: str, job: str) -> None:
    page.goto(f"/admin/datasets/document/{document}/change/")
    expect(page.get_by_role("link", name="CSV to read")).to_be_visible()
    expect(page.get_by_role("link", name="Import a file")).to_have_count(0)
    expect(page.get_by_role("button", name="Save")).to_have_count(0)
    page.get_by_role("link", name="Segments", exact=True).last.click()
    expect(page.get_by_text("3 results")).to_be_visible()
    expect(page.get_by_label("Action")).to_have_count(0)
    page.goto(job)
    expect(page.get_by_role("link", name="Download the bad rows")).to_be_visible()
    for action in ACTIONS:
        expect(page.get_by_text(action)).to_have_count(0)
    page.goto(f"/admin/segments/importjob/new/{document}/")
    expect(page.get_by_role("heading", name="This is not allowed")).to_be_visible()


def finds_nothing(page: Page, document: str, job: str) -> None:
    for model in ("datasets/dataset", "datasets/document", "segments/importjob"):
        page.goto(f"/admin/{model}/")
        expect(page.get_by_role("heading", name="Select")).to_be_visible()
        expect(page.locator("#result_list tbody tr")).to_have_count(0)
    page.goto("/admin/segments/documentsegment/?q=part")
    expect(page.get_by_text("0 results")).to_be_visible()
    for address in (f"/admin/datasets/document/{document}/change/", job):
        page.goto(address)
        expect(page.get_by_role("heading", name="Page not found")).to_be_visible()
