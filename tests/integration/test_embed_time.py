"""Words first by itself: where embedding takes longer than a minute, rows are published before."""

from pathlib import Path

import pytest
from django.core.management import call_command

from datasets.models import Document
from segments.imports import embed_time
from segments.imports.embed_time import KNOWN_SPEEDS, duration, tokens_per_second
from segments.models import DocumentSegment, ImportJob, Reembedding
from segments.models.import_job import ImportStatus
from segments.reembedding import run
from segments.search import search

from .conftest import ImportText

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_pauses")]

ROWS = "content\n" + "".join(f"Pump number {n} needs oil.\n" for n in range(4))


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the model took minutes for the rows."""
    monkeypatch.setitem(KNOWN_SPEEDS, "wordllama", 0.1)


def test_rows_that_take_long_are_found_by_words_first_and_then_by_meaning(
    slow: None, passages: Document, import_text: ImportText
) -> None:
    job = import_text(passages, ROWS)

    assert job.status == ImportStatus.COMPLETED, job.error
    assert (job.rows_created, job.rows_embedded) == (4, 0)
    [notice] = [each for each in job.notices if "finds the rows at once" in each]
    assert notice.startswith("Embedding the rows takes about")
    assert len(search(passages.dataset, "oil", "full_text")) == 4
    [filling] = Reembedding.objects.open().filter(dataset=passages.dataset)
    run.run(filling.pk)
    assert not DocumentSegment.objects.filter(document=passages, embedding=None).exists()


def test_rows_that_are_to_be_embedded_now_are(
    slow: None, passages: Document, import_text: ImportText
) -> None:
    job = import_text(passages, ROWS, embed="now")

    assert job.rows_embedded == 4
    assert not any("at once" in notice for notice in job.notices)


def test_rows_whose_vectors_are_known_take_no_time(
    passages: Document, import_text: ImportText, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_text(passages, ROWS)
    monkeypatch.setitem(KNOWN_SPEEDS, "wordllama", 0.1)

    job = import_text(passages, ROWS, name="again.csv")

    assert (job.rows_reused, job.puts_off_embedding) == (4, False)


def test_a_dry_run_tells_the_time(
    slow: None, passages: Document, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(ROWS, encoding="utf-8")
    place = ["--tenant", passages.tenant.name, "--dataset", passages.dataset.name]

    call_command("import_segments", path, *place, "--document", passages.name, "--dry-run")

    said = " ".join(capsys.readouterr().err.split())
    assert "Embedding the rows takes about" in said
    assert "Full-text search finds the rows at once" in said
    assert not ImportJob.objects.exists()


def test_the_same_file_again_is_the_same_import(
    slow: None, passages: Document, import_text: ImportText
) -> None:
    job = import_text(passages, ROWS)

    job.refresh_from_db()
    assert "embed" not in job.options, "an idempotency key compares them"
    assert job.puts_off_embedding


def test_the_speed_of_a_model_is_that_of_earlier_imports(
    passages: Document, import_text: ImportText, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(KNOWN_SPEEDS, "wordllama")
    monkeypatch.setattr(embed_time, "LEAST_ROWS", 1)
    assert tokens_per_second(passages.dataset.model) is None

    job = import_text(passages, ROWS)

    speed = tokens_per_second(passages.dataset.model)
    assert speed == pytest.approx(job.tokens / job.seconds.embed)
    assert tokens_per_second(("", "")) is None


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(61, "a minute"), (720, "12 minutes"), (7_300, "2 hours"), (90_000_000, "25,000 hours")],
)
def test_times_are_told_as_people_say_them(seconds: float, said: str) -> None:
    assert duration(seconds) == said
