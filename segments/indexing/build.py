"""Builds generations of an index in the background. Safe to call at any time, twice at once.

All parts of a generation are made in the transaction that completes it: a build that is killed,
cancelled or fails leaves nothing behind, and a search sees a generation whole or not at all.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from types import ModuleType
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q
from django.db.models.functions import Now

from datasets.models import Dataset
from segments.exceptions import ClaimLost, IndexNotFound, TargetGone
from segments.indexing import plan, tables, values, vectors, words
from segments.indexing.plan import VersionRange
from segments.indexing.pulse import Listener, NeededElsewhere, Pulse
from segments.indexing.state import INDEXES
from segments.indexing.watermark import take_watermark
from segments.jobs.state_machine import JobClaim
from segments.models import Chunk, ImportJob, IndexGeneration
from segments.models.import_job import LEASED_STATUSES, ChunkStatus
from segments.models.indexing import IndexStatus

logger = logging.getLogger(__name__)

PARTS: tuple[ModuleType, ...] = (words, values, vectors)
"""What a generation is made of: each has `create(generation, pulse)`, which makes tables named by
`tables.table_of` in the caller's transaction. They are dropped with the generation. The first
one numbers the segments for the others."""

# "index" in ASCII: one build at a time in a database, so that imports find a worker and memory.
ONE_AT_A_TIME = int.from_bytes(b"index")
NOTHING_NEW = "The index has all segments of the dataset already."
# How long a build waits that another one, or an import, has to go before.
PAUSE_SECONDS = 5.0
# A server that imports all day gets its index too.
LONGEST_WAIT_SECONDS = 600
# A change of model holds the dataset while it puts vectors in their places.
LOCK_WAIT = "10s"
# The server looks whether its client is still there: one that was killed leaves no build behind.
CHECK_INTERVAL = "5s"


def no_progress(generation: IndexGeneration) -> None:
    """The listener of those who do not watch."""


def never() -> bool:
    """For whom nobody waits."""
    return False


def take_turn(job_id: UUID, *, is_needed_elsewhere: Callable[[], bool] = never) -> None:
    """What a worker does for a message; nothing if the generation is gone."""
    try:
        run(job_id, is_needed_elsewhere=is_needed_elsewhere, waits_for_imports=True)
    except IndexNotFound as gone:
        logger.info("there is nothing to do: %s", gone)


def run(
    job_id: UUID,
    listener: Listener = no_progress,
    *,
    is_needed_elsewhere: Callable[[], bool] = never,
    waits_for_imports: bool = False,
) -> IndexGeneration:
    """Build the generation, unless something has to go before; its row afterwards.

    An error that is its own ends it as failed. Anything else (a full disk, a lost database)
    passes through and puts the work back, to be tried again after a pause.

    Raises:
        IndexNotFound: there is none of this id, or it covered nothing and was deleted.
    """
    INDEXES.give_up_if_spent(job_id)
    if claim := INDEXES.claim_work(job_id):
        try:
            with INDEXES.holding(claim):
                _run(claim, listener, is_needed_elsewhere, waits_for_imports=waits_for_imports)
        except ClaimLost as lost:
            logger.info("given up: %s", lost)
    return INDEXES.load(job_id)


def _run(
    claim: JobClaim,
    listener: Listener,
    is_needed_elsewhere: Callable[[], bool],
    *,
    waits_for_imports: bool,
) -> None:
    try:
        with _only_one() as is_ours:
            if reason := _why_wait(claim, is_ours=is_ours, waits_for_imports=waits_for_imports):
                INDEXES.release(claim, PAUSE_SECONDS, waits_for=reason)
                return
            with Pulse(claim, listener, is_needed_elsewhere) as pulse:
                _build(claim, pulse)
        tables.drop_orphans()
        plan.ensure_if_worthwhile(Dataset.objects.get(pk=_dataset_id(claim)))
    except NeededElsewhere:
        INDEXES.release(claim, PAUSE_SECONDS, waits_for="Imports go first.", step="")
    except KeyboardInterrupt:  # its user leaves it to the workers, or to another day
        connection.close()  # what was under way is rolled back
        with suppress(ClaimLost):
            INDEXES.release(claim)
        raise


def _dataset_id(claim: JobClaim) -> UUID:
    return INDEXES.load(claim.job_id).dataset_id


@contextmanager
def _only_one() -> Iterator[bool]:
    """The lock of the one build at a time, if it is free; it goes with the connection."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [ONE_AT_A_TIME])
        is_ours: bool = cursor.fetchone()[0]
    try:
        yield is_ours
    finally:
        if is_ours and connection.connection and connection.is_usable():
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [ONE_AT_A_TIME])


def _why_wait(claim: JobClaim, *, is_ours: bool, waits_for_imports: bool) -> str:
    """What has to go before; empty if nothing has."""
    if not is_ours:
        return "Another index is being built."
    if waits_for_imports and _imports_under_way() and not _has_waited_long(claim):
        return "Imports go first."
    return ""


def _imports_under_way() -> bool:
    held = {"lease_until__gt": Now()}
    chunks = Chunk.objects.filter(status=ChunkStatus.RUNNING, **held)
    jobs = ImportJob.objects.filter(status__in=LEASED_STATUSES, **held)
    return chunks.exists() or jobs.exists()


def _has_waited_long(claim: JobClaim) -> bool:
    long_ago = Now() - timedelta(seconds=LONGEST_WAIT_SECONDS)
    return IndexGeneration.objects.filter(pk=claim.job_id, created_at__lt=long_ago).exists()


def _build(claim: JobClaim, pulse: Pulse) -> None:
    """Settle what it covers, make all parts of it, and put it in use."""
    pulse.step("waiting for running transactions")
    watermark = take_watermark(pulse.check)
    generation = INDEXES.load(claim.job_id)
    found = plan.next_range(generation.dataset, watermark)
    if found is None:
        INDEXES.cancel(claim.job_id, NOTHING_NEW)
        return
    generation.embedding_model_provider, generation.embedding_model = generation.dataset.model
    generation.from_version, generation.to_version = found.after, found.until
    generation.rows = found.rows
    with transaction.atomic():
        _let_go_of_lost_clients()
        for part in PARTS:
            part.create(generation, pulse)
        pulse.stop()
        _put_in_use(claim, generation, found)


def _let_go_of_lost_clients() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('client_connection_check_interval', %s, true)", [CHECK_INTERVAL]
        )


def _put_in_use(claim: JobClaim, generation: IndexGeneration, found: VersionRange) -> None:
    """Complete it, in place of those that it replaces and of what another model has left.

    The dataset is locked before the generation, as a change of model does.

    Raises:
        ClaimLost: the claim does not hold any more.
        TargetGone: the dataset has got another model meanwhile, or was deleted.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [LOCK_WAIT])
        cursor.execute(
            "SELECT FROM datasets_dataset WHERE id = %s FOR SHARE", [generation.dataset_id]
        )
    dataset = Dataset.objects.filter(pk=generation.dataset_id).first()
    model = (generation.embedding_model_provider, generation.embedding_model)
    if dataset is None or dataset.model != model:
        raise TargetGone("The dataset has got another model meanwhile, or was deleted.")
    others = IndexGeneration.objects.filter(dataset=dataset, status=IndexStatus.COMPLETED)
    provider, name = model
    is_current = Q(embedding_model_provider=provider, embedding_model=name)
    others.filter(Q(pk__in=found.replaces) | ~is_current).delete()
    INDEXES.complete(
        claim,
        **{field: getattr(generation, field) for field in SETTLED},
        bytes=tables.total_bytes(generation.pk),
        step="",
        waits_for="",
    )


SETTLED = (
    "embedding_model_provider",
    "embedding_model",
    "from_version",
    "to_version",
    "rows",
    "vectors",
    "dimensions",
    "notes",
)
"""What the build finds out about its generation."""
