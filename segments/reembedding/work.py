"""Takes a reembedding from wherever it stands as far as it goes; safe at any time, twice at once.

The texts are read from the segments themselves, portion by portion (`reembedding.portions`),
and at the end the vectors go to their places (`reembedding.place`).
"""

import logging
from contextlib import suppress
from math import inf
from time import monotonic
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F

from datasets.exceptions import SegmillError
from segments import log_context
from segments.embedding import Embedder, get_embedder
from segments.exceptions import ClaimLost, EmbeddingUnavailable, ReembeddingNotFound
from segments.hints import hint_reembedding
from segments.models import Reembedding
from segments.models.reembedding import ReembeddingPurpose
from segments.reembedding import missing, place, state, vectors
from segments.reembedding.place import ImportsUnderWay
from segments.reembedding.portions import Listener, embed_portion
from segments.reembedding.state import ReembeddingClaim

logger = logging.getLogger(__name__)

# How long the imports that a change of model has to wait for are left alone.
SECONDS_BETWEEN_LOOKS = 5.0


def nobody(work: Reembedding) -> None:
    """The listener of those who do not watch."""


def take_turn(reembedding_id: UUID) -> None:
    """What a worker does for a hint; a hint at a reembedding that is gone is none."""
    try:
        run(reembedding_id, turn_seconds=settings.SEGMILL_TURN_SECONDS)
    except ReembeddingNotFound as gone:
        logger.info("a hint came to nothing: %s", gone)


def run(
    reembedding_id: UUID, listener: Listener = nobody, *, turn_seconds: float | None = None
) -> Reembedding:
    """Do all that can be done for it now, or a turn's worth; its row afterwards.

    Raises:
        ReembeddingNotFound: there is none of this id.
    """
    if state.is_spent(reembedding_id):
        _give_up(reembedding_id)
    held = state.claim(reembedding_id)
    if held is not None:
        with log_context.about(reembedding=held.id):
            _run(held, listener, monotonic() + turn_seconds if turn_seconds else inf)
    return settle(reembedding_id)


def settle(reembedding_id: UUID) -> Reembedding:
    """Its row; one that has ended leaves no vectors behind.

    Raises:
        ReembeddingNotFound: there is none of this id.
    """
    work = state.load(reembedding_id)
    if work.is_final:
        vectors.clear(work.pk)
    return work


def _give_up(reembedding_id: UUID) -> None:
    tries = settings.SEGMILL_MAX_ATTEMPTS
    error = f"It was tried {tries} times, and its worker was lost each time. Start it again."
    missing.give_up(reembedding_id, "attempts_spent", error)


@transaction.atomic
def _fail(held: ReembeddingClaim, error: SegmillError) -> None:
    if state.fail_held(held, error.code, str(error)):
        missing.fill_after(state.load(held.id))


def _run(held: ReembeddingClaim, listener: Listener, deadline: float) -> None:
    try:
        _advance(held, listener, deadline)
    except KeyboardInterrupt:  # its user leaves it to the workers, or to another day
        connection.close()  # what was under way is rolled back
        with suppress(ClaimLost):
            state.release(held)
        raise
    except ClaimLost as lost:
        logger.info("reembedding %s: %s", held.id, lost)
    except ImportsUnderWay as waiting:
        with suppress(ClaimLost):
            state.release(held, SECONDS_BETWEEN_LOOKS, str(waiting))
    except EmbeddingUnavailable as trouble:
        with suppress(ClaimLost):
            state.interrupt(held, trouble.code, str(trouble))
    except SegmillError as error:
        _fail(held, error)


def _advance(held: ReembeddingClaim, listener: Listener, deadline: float) -> None:
    """Portion by portion, till none is left and the vectors are in their places."""
    work = state.load(held.id)
    embedder = get_embedder(work.embedding_model_provider, work.embedding_model, work.tenant_id)
    if work.purpose == ReembeddingPurpose.FILL:
        _reuse(held, work)
    _count(held, work)
    last = ""
    while True:
        listener(state.load(held.id))
        if texts := vectors.next_texts(work, settings.SEGMILL_CHUNK_ROWS, last):
            embed_portion(held, work, embedder, texts, listener)
            last = texts[-1].content_hash
        elif last:  # texts may have come meanwhile
            last = ""
            _count(held, work)
        elif _is_complete(held, work, embedder):
            return
        if monotonic() > deadline:
            state.release(held)
            hint_reembedding(held.id)
            return


def _reuse(held: ReembeddingClaim, work: Reembedding) -> None:
    with transaction.atomic():
        state.renew(held)
        place.lock_shared(work)
        reused = vectors.fill_from_equal_texts(work)
        state.move(held, segments_changed=F("segments_changed") + reused)


def _count(held: ReembeddingClaim, work: Reembedding) -> None:
    left = vectors.count_missing(work)
    state.renew(held, texts_total=F("texts_embedded") + F("texts_refused") + left, waits_for="")


def _is_complete(held: ReembeddingClaim, work: Reembedding, embedder: Embedder) -> bool:
    """Whether that was all; texts may have come while the last ones were embedded."""
    if work.purpose == ReembeddingPurpose.FILL:
        return place.end_filling(held, work)
    return place.switch(held, work, embedder.dimensions)
