"""Runs a full-text rebuild from wherever it stands, portion by portion. Safe to call at any time.

The dataset is switched first: from then on segments are written, and questions asked, in the new
language. Until the last segment is done questions are also asked in the previous one.
"""

import logging
from collections.abc import Callable
from math import inf
from time import monotonic
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F

from datasets.models import Dataset
from segments.exceptions import ClaimLost, RebuildNotFound
from segments.jobs import leases
from segments.jobs.state_machine import JobClaim
from segments.languages.analysis import index_text, text_of
from segments.models import DocumentSegment, FullTextRebuild, ImportJob
from segments.models.import_job import WORKING_STATUSES, ImportStatus
from segments.rebuilding.state import REBUILDS

Listener = Callable[[FullTextRebuild], None]
"""What a caller passes in to hear of progress; it may raise to stop the work."""

# Each portion locks the dataset against publishing for a fraction of a second.
PORTION_ROWS = 500
SECONDS_BETWEEN_LOOKS = 5.0
# From before their rows are made for the dataset's language until these are published.
UNDER_WAY = (*WORKING_STATUSES, ImportStatus.INTERRUPTED)
NEXT = """
    SELECT id, content, answer, hashtextextended(index_node_hash, 0)
    FROM segments_documentsegment
    WHERE dataset_id = %(dataset)s
        AND (%(key)s::bigint IS NULL
             OR (hashtextextended(index_node_hash, 0), id) > (%(key)s::bigint, %(id)s::uuid))
    ORDER BY hashtextextended(index_node_hash, 0), id
    LIMIT %(rows)s
    FOR NO KEY UPDATE
"""
# Without its entry a segment gets another one, by the trigger.
STORE = """
    UPDATE segments_documentsegment segment
    SET search_text = made.search_text, search_vector = NULL
    FROM unnest(%(ids)s::uuid[], %(texts)s::text[]) AS made (id, search_text)
    WHERE segment.id = made.id
"""

logger = logging.getLogger(__name__)


def no_progress(work: FullTextRebuild) -> None:
    """The listener of those who do not watch."""


def take_turn(job_id: UUID) -> FullTextRebuild | None:
    """What a worker does for a message: its row afterwards; None if the rebuild is gone."""
    try:
        return run(job_id, turn_seconds=leases.TURN_SECONDS)
    except RebuildNotFound as gone:
        logger.info("there is nothing to do: %s", gone)
        return None


def run(
    job_id: UUID, listener: Listener = no_progress, *, turn_seconds: float | None = None
) -> FullTextRebuild:
    """Do all that can be done for it now, or a turn's worth; its row afterwards.

    Anything that is not its own error (a lost database, what the listener raises) passes through
    and puts the work back, to be tried again after a pause.

    Raises:
        RebuildNotFound: there is none of this id.
    """
    REBUILDS.give_up_if_spent(job_id)
    if claim := REBUILDS.claim_work(job_id):
        try:
            with REBUILDS.holding(claim):
                _advance(claim, listener, monotonic() + (turn_seconds or inf))
        except ClaimLost as lost:
            logger.info("given up: %s", lost)
    return REBUILDS.load(job_id)


def _advance(claim: JobClaim, listener: Listener, deadline: float) -> None:
    if not _begin(claim):
        return
    while _do_portion(claim):
        listener(REBUILDS.load(claim.job_id))
        if monotonic() > deadline:
            REBUILDS.release(claim)
            REBUILDS.enqueue(claim.job_id)
            return
    _end(claim)


@transaction.atomic
def _begin(claim: JobClaim) -> bool:
    """Switch the dataset to its new language; False while imports made for the old one go on.

    The dataset is locked against publishing, and against imports that begin.
    """
    work = _locked(claim)
    if work.is_begun:
        return True
    imports = ImportJob.objects.filter(dataset=work.dataset_id, status__in=UNDER_WAY).count()
    if imports:
        some = "an import" if imports == 1 else f"{imports} imports"
        waits_for = f"Waits for {some} of the dataset to end."
        REBUILDS.release(claim, SECONDS_BETWEEN_LOOKS, waits_for=waits_for)
        return False
    new = {"language": work.language, "text_search_config": work.text_search_config}
    Dataset.objects.filter(pk=work.dataset_id).update(**new)
    total = DocumentSegment.objects.filter(dataset=work.dataset_id).count()
    REBUILDS.renew(claim, is_begun=True, segments_total=total, waits_for="")
    return True


@transaction.atomic
def _do_portion(claim: JobClaim) -> bool:
    """Make the next entries anew; whether there were any."""
    work = _locked(claim)
    with connection.cursor() as cursor:
        place = {"key": work.last_key, "id": work.last_id, "rows": PORTION_ROWS}
        cursor.execute(NEXT, {"dataset": work.dataset_id, **place})
        rows = cursor.fetchall()
        if not rows:
            return False
        texts = [index_text(text_of(row[1], row[2]), work.language) for row in rows]
        cursor.execute(STORE, {"ids": [row[0] for row in rows], "texts": texts})
    done = F("segments_done") + len(rows)
    REBUILDS.renew(claim, attempts=0, segments_done=done, last_key=rows[-1][3], last_id=rows[-1][0])
    return True


@transaction.atomic
def _end(claim: JobClaim) -> None:
    work = _locked(claim)
    nothing = {"previous_language": "", "previous_text_search_config": ""}
    Dataset.objects.filter(pk=work.dataset_id).update(**nothing)
    REBUILDS.complete(claim)


def _locked(claim: JobClaim) -> FullTextRebuild:
    """The job, with its dataset locked against publishing until the transaction ends.

    Raises:
        ClaimLost: the claim does not hold any more.
    """
    work = REBUILDS.lock(claim)
    Dataset.objects.select_for_update(no_key=True).filter(pk=work.dataset_id).first()
    return work
