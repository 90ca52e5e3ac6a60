"""`import_segments --background` hands over to the workers, `--follow` watches any import."""

import json
import threading
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import connections
from django_q.models import OrmQ

from datasets.models import Document
from segments.files.types import Progress
from segments.imports import runner as pipeline
from segments.imports.state import IMPORT_JOBS
from segments.models import DocumentSegment, ImportJob
from segments.models.import_job import ImportSource, ImportStatus
from segments.services import imports

pytestmark = pytest.mark.django_db(transaction=True)

WriteFile = Callable[..., Path]
PLACE = ("--tenant", "acme", "--dataset", "handbook", "--document", "faq")
QA = "question,answer\nHow do I reset it?,Hold the button.\nWhere is it made?,In Ulm.\n"


def run(*arguments: object) -> str:
    """What `import_segments` prints."""
    stdout = StringIO()
    words = [str(argument) for argument in arguments]
    call_command("import_segments", *words, stdout=stdout, stderr=StringIO())
    return stdout.getvalue().strip()


def test_the_id_is_printed_alone_and_the_workers_are_told(
    document: Document, write_file: WriteFile
) -> None:
    identifier = run(write_file(QA), *PLACE, "--background")

    job = ImportJob.objects.get(pk=identifier)
    assert (job.status, job.background, job.source) == ("waiting", True, ImportSource.COMMAND)
    assert OrmQ.objects.count() == 1
    assert not DocumentSegment.objects.exists()
    assert pipeline.run(job.pk).status == ImportStatus.COMPLETED


def test_a_script_gets_the_report_of_the_waiting_import(
    document: Document, write_file: WriteFile
) -> None:
    report = json.loads(run(write_file(QA), *PLACE, "--background", "--json"))

    assert report["status"] == "waiting"
    assert ImportJob.objects.filter(pk=report["job_id"]).exists()


def test_a_refusal_comes_at_once(document: Document, write_file: WriteFile) -> None:
    Document.objects.update(archived=True)

    with pytest.raises(CommandError, match="is archived"):
        run(write_file(QA), *PLACE, "--background")
    assert not ImportJob.objects.exists()


def started(write_file: WriteFile, content: str = QA) -> ImportJob:
    return ImportJob.objects.get(pk=run(write_file(content), *PLACE, "--background"))


def test_an_import_is_followed_to_its_end(document: Document, write_file: WriteFile) -> None:
    job = started(write_file)

    def work() -> None:
        pipeline.run(job.pk)
        connections.close_all()

    worker = threading.Thread(target=work)
    worker.start()
    report = json.loads(run("--follow", job.pk, "--json"))
    worker.join()

    assert (report["status"], report["created"]) == ("completed", 2)


def test_an_import_that_has_ended_is_reported(document: Document, write_file: WriteFile) -> None:
    job = started(write_file, "question,answer\nblank,\n")
    pipeline.run(job.pk)

    with pytest.raises(CommandError, match="blank"):
        run("--follow", job.pk)


def test_an_interrupted_import_ends_the_watching(document: Document, write_file: WriteFile) -> None:
    job = started(write_file)
    claim = IMPORT_JOBS.claim_preparing(job.pk)
    assert claim is not None
    IMPORT_JOBS.start_embedding(claim)
    IMPORT_JOBS.interrupt_embedding(job.pk, "model_away", "The model is away.")

    with pytest.raises(CommandError, match="The model is away"):
        run("--follow", job.pk)


def test_ctrl_c_ends_the_watching_and_not_the_import(
    document: Document, write_file: WriteFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = started(write_file)

    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(imports, "sleep", interrupt)
    with pytest.raises(CommandError, match="the import continues"):
        run("--follow", job.pk)
    job.refresh_from_db()
    assert job.status == ImportStatus.WAITING


def test_a_watcher_hears_of_every_phase(document: Document, write_file: WriteFile) -> None:
    job, heard = started(write_file), list[Progress]()

    def listen(progress: Progress) -> None:
        heard.append(progress)
        pipeline.run(job.pk)

    assert imports.follow_import(job, listen).status == ImportStatus.COMPLETED
    assert [(told.phase, told.rows) for told in heard] == [("waiting", 0), ("completed", 2)]


@pytest.mark.parametrize("identifier", [str(UUID(int=1)), "nonsense"])
def test_an_unknown_import_is_not_found(document: Document, identifier: str) -> None:
    with pytest.raises(CommandError, match=f"There is no import “{identifier}”"):
        run("--follow", identifier)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "Give the file"),
        (["rows.csv", "--dataset", "x"], "Give the file"),
        (["rows.csv", "--follow", "x"], "leave the file out"),
        (["--follow", "x", "--background"], "leave the file out"),
        (["rows.csv", *PLACE, "--background", "--dry-run"], "does not work with"),
        (["rows.csv", *PLACE, "--background", "--report", "bad.csv"], "does not work with"),
    ],
)
def test_what_makes_no_whole_order_is_refused(arguments: list[Any], says: str) -> None:
    with pytest.raises(CommandError, match=says):
        run(*arguments)


def test_a_cancelled_import_is_followed_to_its_end(
    document: Document, write_file: WriteFile
) -> None:
    job = imports.cancel_import(started(write_file))

    with pytest.raises(CommandError, match="cancelled"):
        run("--follow", job.pk)
