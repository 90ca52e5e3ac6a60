"""Imports that workers run, watched from a terminal."""

from time import sleep

from datasets.lookup import as_uuid
from segments.exceptions import ImportNotFound
from segments.files.types import Listener, Progress
from segments.imports.report import ImportReport
from segments.imports.state import IMPORT_JOBS
from segments.models import ImportJob
from segments.models.import_job import ImportStatus
from segments.progress import ImportProgress, measure

# How often a watcher looks; a bar that moves twice a second looks alive.
SECONDS_BETWEEN_LOOKS = 0.5


def find_import(identifier: str) -> ImportJob:
    """The import of that id.

    Raises:
        ImportNotFound: there is none.
    """
    job_id = as_uuid(identifier.strip())
    if job_id is None:
        raise ImportNotFound(identifier)
    return IMPORT_JOBS.load(job_id)


def follow(watched: ImportJob, listener: Listener) -> ImportJob:
    """Tell `listener` of the import's progress until its end; its row then.

    Also the end for a watcher: an import that was interrupted and waits to go on.

    Raises:
        ImportNotFound: it was deleted with its document meanwhile.
    """
    while True:
        now = measure(watched.pk)
        listener(_as_told(now))
        if now.is_final or now.status == ImportStatus.INTERRUPTED:
            return IMPORT_JOBS.load(watched.pk)
        sleep(SECONDS_BETWEEN_LOOKS)


def why_it_failed(report: ImportReport) -> str:
    """What a command that ends with 1 says last; of an interrupted import, how it goes on."""
    why = report.error or report.status
    if report.status != ImportStatus.INTERRUPTED:
        return why
    return f"{why} Go on at once with: manage.py resume_import {report.job_id}"


def _as_told(now: ImportProgress) -> Progress:
    rows = {
        ImportStatus.PREPARING: now.rows_checked,
        ImportStatus.EMBEDDING: now.rows_embedded + now.rows_reused,
        ImportStatus.COMPLETED: now.rows_published,
    }.get(ImportStatus(now.phase), 0)
    return Progress(now.phase, rows, now.fraction, failed=now.rows_failed, reused=now.rows_reused)
