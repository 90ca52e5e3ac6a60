"""An endpoint fails while somebody looks: the open page says why, and lets the import go on."""

from threading import Event
from typing import Any

from playwright.sync_api import Page, expect

from tests.acceptance.site import Site
from tests.servers.embeddings import DIMENSIONS, EmbeddingsServer

from .conftest import WAIT_MILLISECONDS
from .test_pages import choose, look, rows, start

MAKE_DOCUMENT = """
from datasets.models import Dataset, Document, Tenant
from segments.models import ModelProvider, ProviderModel
tenant = Tenant.objects.get(name="default")
provider = ModelProvider.objects.create(tenant=tenant, name="ours", base_url={url!r})
ProviderModel.objects.create(provider=provider, name="m", dimensions={dimensions})
dataset = Dataset.objects.create(tenant=tenant, name="remote",
    embedding_model_provider="ours", embedding_model="m")
made = Document(tenant=tenant, dataset=dataset, name="interrupted", doc_form="qa_model")
made.save()
print(made.pk)
"""


def test_an_open_page_tells_of_an_interruption_and_lets_the_import_go_on(
    page: Page, site: Site, server: EmbeddingsServer
) -> None:
    is_watched = Event()

    def fail_once_watched(handler: Any, body: dict[str, Any]) -> None:
        is_watched.wait(WAIT_MILLISECONDS / 1000)
        handler.refuse(503, "overloaded")

    server.misdeeds.append(fail_once_watched)
    document = site.python(MAKE_DOCUMENT.format(url=server.url, dimensions=DIMENSIONS))
    choose(page, document, rows(20))
    look(page)
    start(page)
    expect(page.locator(".import-badge")).to_have_text("Embedding")
    expect(page.get_by_role("button", name="Resume")).to_have_count(0)

    is_watched.set()
    expect(page.get_by_role("alert")).to_contain_text("overloaded")
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_role("region", name="Outcome")).to_contain_text("20 segments imported")
