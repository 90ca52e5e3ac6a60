"""Another language for a dataset that has segments: full text is rebuilt while search goes on."""

import pytest
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from datasets.models import Dataset, DocForm
from segments.exceptions import StateConflict
from segments.models import FullTextRebuild, ImportJob
from segments.models.import_job import ImportStatus
from segments.models.rebuild import RebuildStatus
from segments.rebuilding import run
from segments.search import search
from segments.services import languages
from segments.tasks import run_rebuild

from .conftest import ImportText, MakeDocument

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def houses(economy: Dataset, make_document: MakeDocument, import_text: ImportText) -> Dataset:
    """A German dataset that is taken for English."""
    economy.language = "en"
    economy.save()
    rows = ["Die Häuser stehen leer", "Der Garten blüht", "Wälder und Wiesen"]
    import_text(make_document(economy, doc_form=DocForm.TEXT), "content\n" + "\n".join(rows))
    return economy


def found(dataset: Dataset, question: str) -> list[str]:
    """What full text finds now."""
    return [hit.content for hit in search(Dataset.objects.get(pk=dataset.pk), question)]


def test_after_a_rebuild_words_are_stemmed_in_the_new_language(houses: Dataset) -> None:
    assert found(houses, "Haus") == []

    ordered = languages.change_language(houses, "German", background=False)
    assert ordered is not None
    done = languages.run_in_foreground(ordered)

    houses.refresh_from_db()
    assert done.status == RebuildStatus.COMPLETED
    assert (done.segments_done, done.segments_total) == (3, 3)
    assert (houses.language, houses.text_search_config) == ("de", "german")
    assert houses.previous_text_search_config == ""
    assert found(houses, "Haus") == ["Die Häuser stehen leer"]


@pytest.mark.parametrize("by_worker", [True, False])
def test_a_rebuild_has_the_weight_learned_anew(
    dataset: Dataset, make_document: MakeDocument, import_text: ImportText, by_worker: bool
) -> None:
    rows = ["Die Häuser stehen leer", "Der Garten blüht", "Wälder und Wiesen"]
    import_text(make_document(dataset, doc_form=DocForm.TEXT), "content\n" + "\n".join(rows))
    ordered = languages.change_language(dataset, "French", background=False)
    assert ordered is not None
    if by_worker:
        run_rebuild(str(ordered.pk))
    else:
        languages.run_in_foreground(ordered)

    dataset.refresh_from_db()
    assert dataset.semantic_weight_basis["language"] == "fr"


def test_search_is_right_between_any_two_portions(
    houses: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "PORTION_ROWS", 1)
    ordered = languages.change_language(houses, "de", background=False)
    assert ordered is not None
    seen = []

    def look(work: FullTextRebuild) -> None:
        seen.append([found(houses, word) for word in ("Häuser", "Garten", "Wälder")])

    run.run(ordered.pk, look)

    whole = [["Die Häuser stehen leer"], ["Der Garten blüht"], ["Wälder und Wiesen"]]
    assert seen == [whole] * 3


def test_a_rebuild_that_was_stopped_goes_on_where_it_stood(
    houses: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "PORTION_ROWS", 2)
    ordered = languages.change_language(houses, "de", background=False)
    assert ordered is not None

    def stop(work: FullTextRebuild) -> None:
        raise KeyError

    with pytest.raises(KeyError):
        run.run(ordered.pk, stop)
    FullTextRebuild.objects.update(not_before=None)
    done = run.run(ordered.pk)

    assert (done.status, done.segments_done) == (RebuildStatus.COMPLETED, 3)
    assert found(houses, "Haus") == ["Die Häuser stehen leer"]


def test_it_waits_for_imports_that_are_made_for_the_old_language(houses: Dataset) -> None:
    ImportJob.objects.update(status=ImportStatus.COMPLETED)
    job = ImportJob.objects.get()
    copy = ImportJob.objects.get(pk=job.pk)
    copy.pk, copy.status, copy.finished_at, copy.idempotency_key = None, "waiting", None, None
    copy._state.adding = True
    copy.id = FullTextRebuild().pk
    copy.save()
    ImportJob.objects.filter(pk=copy.pk).update(status=ImportStatus.PREPARING, lease_until=Now())
    ordered = languages.change_language(houses, "de", background=False)
    assert ordered is not None

    waiting = run.run(ordered.pk)

    assert waiting.waits_for == "Waits for an import of the dataset to end."
    assert Dataset.objects.get(pk=houses.pk).language == "en"


def test_one_at_a_time(houses: Dataset) -> None:
    assert languages.change_language(houses, "de")

    with pytest.raises(StateConflict, match="already being rebuilt"):
        languages.change_language(houses, "fr")


def test_a_third_language_has_to_wait(houses: Dataset) -> None:
    Dataset.objects.filter(pk=houses.pk).update(language="de", text_search_config="german")

    with pytest.raises(IntegrityError, match="is being rebuilt"), transaction.atomic():
        Dataset.objects.filter(pk=houses.pk).update(language="fr", text_search_config="french")
    Dataset.objects.filter(pk=houses.pk).update(language="en", text_search_config="english")

    assert found(houses, "Häuser") == ["Die Häuser stehen leer"]


def test_a_dataset_without_segments_changes_at_once(economy: Dataset) -> None:
    assert languages.change_language(economy, "ja") is None

    economy.refresh_from_db()
    assert (economy.language, economy.text_search_config) == ("ja", "simple")


def test_the_command_changes_and_shows_it(
    houses: Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("dataset_language", "archive", tenant="acme", language="German")

    assert "archive: German, full text by german" in capsys.readouterr().out
    assert found(houses, "Haus") == ["Die Häuser stehen leer"]
