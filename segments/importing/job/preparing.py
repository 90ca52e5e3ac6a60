"""The first step of a claimed import: its stored file ─► staged rows, or its end."""

from functools import partial
from typing import BinaryIO, cast

from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import transaction

from segments.embedding import price_of
from segments.exceptions import FileUnreadable, ImportRefused, RowsRefused
from segments.importing import heading, pipeline, plan, problems, samples, staging, state
from segments.importing.adopting import adopt_model
from segments.importing.job.row import load, options_of, target_of
from segments.importing.pipeline import GivenFile, Tally
from segments.importing.state import JobClaim
from segments.importing.tally import sync_refusal
from segments.importing.types import Listener
from segments.importing.writer import Chunkful
from segments.models import Chunk, ImportJob
from segments.models.import_job import ImportMode, OnError

EMBEDDED_LATER = (
    "The rows are found by their words at once. Workers make their vectors; where none run, "
    "manage.py reembed DATASET does."
)


def prepare(claim: JobClaim, listener: Listener) -> None:
    """Check and stage every row of the file, and refuse what is not worth paying for."""
    begin_anew(claim)
    job = load(claim.job_id)
    embeds = bool(job.embedding_model) and not job.embeds_later
    fence = partial(_stage_fence, claim, embeds)
    with _stored(job) as file:
        given = GivenFile(cast("BinaryIO", file), job.file_name, job.file_bytes, options_of(job))
        tally = pipeline.prepare(job.pk, given, target_of(job), fence, listener)
    if not tally.staged or (tally.failed and job.on_error == OnError.ABORT):
        first = min(tally.problems, key=lambda problem: problem.line)
        raise RowsRefused(tally.failed, tally.rows, str(first))
    if tally.failed and job.mode == ImportMode.SYNC:
        raise ImportRefused(sync_refusal(tally.failed))
    aim = pipeline.aim_of(job.pk, given, target_of(job), tally)
    price = price_of(job.embedding_model_provider, job.embedding_model, job.tenant_id)
    plan.refuse_over_budget(aim, given.options, price)
    if given.options.map:
        heading.remember_columns(job.document_id, tally, given.options)
    notices = [*tally.notices, EMBEDDED_LATER] if job.embeds_later else tally.notices
    state.start_embedding(claim, notices=notices)


@transaction.atomic
def begin_anew(claim: JobClaim) -> None:
    """Forget an earlier try, unless we are the earlier one: then what is there is not ours."""
    state.renew(claim)
    staging.clear(claim.job_id)
    problems.forget(claim.job_id)
    adopt_model(claim)


def _stored(job: ImportJob) -> File[bytes]:
    """The uploaded file.

    Raises:
        FileUnreadable: the storage does not have it any more.
    """
    try:
        return default_storage.open(job.file_key)
    except FileNotFoundError as gone:
        raise FileUnreadable(
            f"The uploaded file of {job.file_name} is not in the storage any more. "
            "Import the file again."
        ) from gone


@transaction.atomic(savepoint=False)
def _stage_fence(claim: JobClaim, embeds: bool, tally: Tally, chunk: Chunkful) -> None:
    """What goes with a staged chunk in one transaction: the claim, the counts, the problems."""
    state.renew(
        claim,
        source=tally.source.as_json(),
        notices=tally.notices,
        rows_total=tally.rows,
        rows_failed=tally.failed,
        rows_staged=tally.staged,
        tokens=tally.tokens,
        bytes_read=tally.bytes_read,
    )
    samples.record(claim.job_id)
    problems.record(claim.job_id, chunk.problems)
    if embeds and chunk.rows:
        Chunk.objects.create(
            job_id=claim.job_id,
            ordinal=chunk.ordinal,
            first_row=chunk.first_row,
            last_row=chunk.last_row,
        )
