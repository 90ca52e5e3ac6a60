"""An import whose process is killed or asked to stop, in each phase: nothing of it is seen."""

import signal
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.db.models import F
from pytest_django import Settings

from datasets.models import Document
from segments.models import Chunk, ImportJob, StagedRow
from segments.models.import_job import ImportStatus
from tests import commands
from tests.integration.snapshot import Snapshot, snapshot
from tests.pausing import PHASES, pause

pytestmark = pytest.mark.django_db(transaction=True)

WriteRows = Callable[..., Path]
PLACE = ("--dataset", "handbook", "--document", "faq")
# Several chunks, with the row that stops the import inside the second one.
CHUNKS = {"SEGMILL_CHUNK_ROWS": "4", "SEGMILL_LEASE_SECONDS": "3"}
STAGED = ("segments_stagedrow", "segments_stagedvector", "segments_chunk", "files")


def seen(state: Snapshot) -> Snapshot:
    """What readers can see of it."""
    return {table: rows for table, rows in state.items() if table not in STAGED}


@pytest.mark.parametrize("phase", PHASES)
def test_a_killed_import_leaves_nothing_and_the_next_one_works(
    phase: str, document: Document, write_rows: WriteRows, settings: Settings
) -> None:
    file, before = write_rows(10), snapshot()
    with pause(phase) as place:
        process = commands.start("import_segments", file, *PLACE, "--json", **CHUNKS)
        place.wait_for_writer()
        killed = ImportJob.objects.get()
        assert killed.status == phase
        process.kill()
        process.communicate()

    assert seen(snapshot()) == seen(before)
    make_lease_lapse(killed)

    report = commands.run("import_segments", file, *PLACE, "--json", **CHUNKS).report

    assert (report["status"], report["created"]) == ("completed", 10)
    killed.refresh_from_db()
    assert (killed.status, killed.error_code) == (ImportStatus.FAILED, "abandoned")
    assert "import the file again" in killed.error
    document.refresh_from_db()
    assert document.segment_count == document.segments.count() == 10
    after = snapshot()
    assert {table: after[table] for table in STAGED} == {table: before[table] for table in STAGED}


def make_lease_lapse(job: ImportJob) -> None:
    """As if an hour had passed, for the job and for its chunks."""
    hour = timedelta(hours=1)
    moved = {"lease_until": F("lease_until") - hour, "prepared_at": F("prepared_at") - hour}
    ImportJob.objects.filter(pk=job.pk).update(**moved)
    running = Chunk.objects.filter(job=job, lease_until__isnull=False)
    running.update(lease_until=F("lease_until") - hour)
    Chunk.objects.filter(job=job).update(finished_at=F("finished_at") - hour)


ASKED = [(phase, signal.SIGINT) for phase in PHASES] + [("embedding", signal.SIGTERM)]


@pytest.mark.parametrize(("phase", "number"), ASKED)
def test_an_import_that_is_asked_to_stop_is_cancelled(
    phase: str, number: signal.Signals, document: Document, write_rows: WriteRows
) -> None:
    file, before = write_rows(10), snapshot()
    with pause(phase) as place:
        process = commands.start("import_segments", file, *PLACE, "--json", **CHUNKS)
        place.wait_for_writer()
        process.send_signal(number)
        if phase != "publishing":  # other threads end what they are about
            place.let_go()
        outcome = commands.outcome_of(process)

    assert snapshot() == before
    job = ImportJob.objects.get()
    assert (job.status, job.error_code) == (ImportStatus.CANCELLED, "cancelled")
    assert outcome.code == 1
    assert outcome.report["job_id"] == str(job.pk)
    assert outcome.report["status"] == "cancelled"
    assert outcome.report["error"] == "Stopped by the user. Nothing was imported."


def test_an_impatient_second_signal_ends_what_the_database_is_about(
    document: Document, write_rows: WriteRows
) -> None:
    before = snapshot()
    with pause("embedding") as place:
        process = commands.start("import_segments", write_rows(10), *PLACE, "--json", **CHUNKS)
        place.wait_for_writer()
        for _ in range(2):
            process.send_signal(signal.SIGINT)
            time.sleep(1)
        outcome = commands.outcome_of(process)

    assert snapshot() == before
    assert outcome.report["status"] == "cancelled"


def test_a_killed_dry_run_leaves_nothing_after_the_next_one(
    document: Document, write_rows: WriteRows
) -> None:
    file, before = write_rows(10), snapshot()
    with pause("preparing") as place:
        process = commands.start("import_segments", file, *PLACE, "--dry-run", **CHUNKS)
        place.wait_for_writer()
        process.kill()
        process.communicate()
    assert StagedRow.objects.count() == 4

    assert commands.run("import_segments", file, *PLACE, "--dry-run", "--json").report["rows"] == 10

    after = snapshot()
    assert {table: after[table] for table in STAGED} == {table: before[table] for table in STAGED}
