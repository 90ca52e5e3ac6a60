"""`vector_index` and the index on a dataset's page, as operators use them."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client
from django.urls import reverse

from datasets.models import Dataset, Document
from segments.indexing import plan, tables
from segments.models import IndexGeneration
from segments.models.indexing import IndexStatus
from segments.services import indexes

from .conftest import ImportText

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def filled(passages: Document, import_text: ImportText, monkeypatch: pytest.MonkeyPatch) -> Dataset:
    """A dataset that is large enough for an index and has none."""
    import_text(passages, "content\n" + "".join(f"This is number {n}.\n" for n in range(20)))
    monkeypatch.setattr(plan, "TAIL_ROWS", 5)
    return passages.dataset


def run(**options: Any) -> dict[str, Any]:
    out = StringIO()
    call_command(
        "vector_index", dataset="handbook", tenant="acme", json=True, stdout=out, **options
    )
    answer: dict[str, Any] = json.loads(out.getvalue())
    return answer


def test_wait_builds_it_here(filled: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    answer = run(wait=True)

    assert (answer["status"], answer["vectors"], answer["tail"]) == ("completed", 20, 0)
    assert (answer["generations"], answer["dimensions"], answer["fraction"]) == (1, 256, 1.0)
    assert answer["bytes"] > 0
    assert "20 rows" in capsys.readouterr().err


def test_without_an_option_workers_build_it(filled: Dataset) -> None:
    assert run()["status"] == "waiting"
    assert run(status=True)["tail"] == 20
    assert IndexGeneration.objects.get().status == IndexStatus.WAITING


def test_drop_drops_it(filled: Dataset) -> None:
    run(wait=True)
    answer = run(drop=True)

    assert (answer["status"], answer["generations"], answer["tail"]) == ("none", 0, 20)
    assert tables.existing() == {}


def test_a_table_for_people(filled: Dataset) -> None:
    out = StringIO()
    call_command("vector_index", dataset="handbook", tenant="acme", wait=True, stdout=out)

    assert "vectors indexed" in out.getvalue()
    assert "completed" in out.getvalue()


def test_a_build_that_fails_is_an_error(filled: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segments.indexing.vectors.DIMENSIONS", "SELECT 2, 3, 4")

    with pytest.raises(CommandError, match="from 3 to 4 dimensions"):
        run(wait=True)


def test_searches_can_be_exact(filled: Dataset) -> None:
    run(wait=True)
    answers = []
    for exact in (False, True):
        out = StringIO()
        call_command(
            "search_segments", "number 7", dataset="handbook", tenant="acme", json=True,
            method="semantic", exact=exact, stdout=out,
        )  # fmt: skip
        answers.append([hit["content"] for hit in json.loads(out.getvalue())["hits"]])

    assert answers[0] == answers[1]


def test_the_page_of_a_dataset_shows_it_and_builds_and_drops(
    filled: Dataset, admin_client: Client
) -> None:
    page = reverse("admin:datasets_dataset_change", args=[filled.pk])
    assert "No index: a search compares all 20 segments." in admin_client.get(page).text

    admin_client.post(reverse("admin:datasets_dataset_index_build", args=[filled.pk]))
    IndexGeneration.objects.update(step="indexing vectors", steps_done=5, steps_total=20)
    assert "25 % · 5 of 20 rows" in admin_client.get(page).text

    started = IndexGeneration.objects.get()
    indexes.run_in_foreground(started)
    assert "Of 20 segments, 20 vectors are in the index" in admin_client.get(page).text

    admin_client.post(reverse("admin:datasets_dataset_index_drop", args=[filled.pk]))
    assert not IndexGeneration.objects.filter(status=IndexStatus.COMPLETED).exists()
