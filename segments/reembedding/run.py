"""Runs a re-embedding from its current state, portion by portion. Safe to call at any time."""

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from math import inf
from time import monotonic
from uuid import UUID

import numpy as np
from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, Q

from datasets.wording import how_many
from segments.embedding import Embedder, Part, Usage, Vectors, embed_all, get_embedder
from segments.exceptions import ClaimLost, EmbeddingUnavailable, ReembeddingNotFound, TextsRefused
from segments.files.options import OnError
from segments.files.types import shown
from segments.indexing.plan import ensure_if_worthwhile
from segments.jobs import leases
from segments.jobs.state_machine import JobClaim
from segments.models import Reembedding
from segments.models.embedding import ReembeddingPurpose
from segments.reembedding import vectors
from segments.reembedding.state import REEMBEDDINGS
from segments.reembedding.vectors import ImportsUnderWay, Text

Listener = Callable[[Reembedding], None]
"""A callback that receives progress; it may raise to stop the work."""

RENEWALS_PER_LEASE = 4
# How many seconds of a slow model's work a crash can lose; a fast model is done before.
SECONDS_BETWEEN_CHECKPOINTS = 2.0


def embed_portion(
    held: JobClaim,
    work: Reembedding,
    embedder: Embedder,
    texts: Sequence[Text],
    listener: Listener,
) -> None:
    """Embed texts, and store what has arrived every few seconds, even if the rest fails.

    Raises:
        ClaimLost: the claim was lost; nothing more was kept.
        TextsRefused: the model refuses a text, which fails the re-embedding.
        EmbeddingUnavailable: the model does not answer; vectors received before are kept.
    """
    gathered = _Gathered(held, work, texts)
    try:
        takes = gathered.sort_out(embedder)
        contents = [texts[number].content for number in takes]
        for part in embed_all(embedder, contents, _Pulse(held), work.tenant_id):
            gathered.add(part, takes)
            if gathered.is_due:
                gathered.keep()
                listener(REEMBEDDINGS.load(held.job_id))
    finally:
        gathered.keep()
    if gathered.refusals and _is_strict(work):
        text, reason = gathered.refusals[0]
        raise TextsRefused(
            f"{how_many(len(gathered.refusals), 'text')} cannot be embedded by "
            f"{work.embedding_model}. The first, “{shown(text.content)}”: {reason}. Change or "
            "remove the segments, or leave them without a vector (--on-error skip). The dataset "
            "stays as it was."
        )


@dataclass(slots=True)
class _Gathered:
    """Results of a portion that are not stored yet; `refusals` holds all of the portion."""

    held: JobClaim
    work: Reembedding
    texts: Sequence[Text]
    refusals: list[tuple[Text, str]] = field(default_factory=list)
    kept_at: float = field(default_factory=monotonic)
    _refused_kept: int = 0
    _embedded: list[Text] = field(default_factory=list)
    _vectors: list[Vectors] = field(default_factory=list)
    _usage: Usage = field(default_factory=Usage)

    def sort_out(self, embedder: Embedder) -> list[int]:
        """The places of the texts that are short enough; refuses the others."""
        takes = []
        for number, text in enumerate(self.texts):
            if tokens := _tokens_over_limit(text.content, embedder):
                reason = f"it has {tokens:,} tokens; the model takes {embedder.token_limit:,}"
                self.refusals.append((text, reason))
            else:
                takes.append(number)
        return takes

    def add(self, part: Part, takes: Sequence[int]) -> None:
        """Add a part, whose places are indexes into `takes`."""
        self._embedded += [self.texts[takes[place]] for place in part.places]
        self._vectors.append(part.vectors)
        self.refusals += [
            (self.texts[takes[place]], reason) for place, reason in part.refused.items()
        ]
        self._usage += part.usage

    @property
    def is_due(self) -> bool:
        """Whether unsaved results are so old that losing them would hurt."""
        return monotonic() - self.kept_at > SECONDS_BETWEEN_CHECKPOINTS

    def keep(self) -> None:
        """Store what has arrived since the last time, under the claim.

        Raises:
            ClaimLost: the claim was lost; nothing was kept.
        """
        _count_usage(self.work.pk, self._usage)
        self._usage = Usage()
        refused = self.refusals[self._refused_kept :]
        if self._embedded or refused:
            found = np.concatenate(self._vectors) if self._embedded else None
            _keep(self.held, self.work, self._embedded, found, refused)
        self._embedded, self._vectors = [], []
        self._refused_kept, self.kept_at = len(self.refusals), monotonic()


def _is_strict(work: Reembedding) -> bool:
    """Whether a refused text fails it; when filling in vectors, nothing is lost by a refusal."""
    return work.purpose == ReembeddingPurpose.CHANGE and work.on_error == OnError.ABORT


def _tokens_over_limit(content: str, embedder: Embedder) -> int:
    """The tokens of a text that is too long, else 0; a token takes at least a byte of UTF-8."""
    if len(content.encode()) <= embedder.token_limit:
        return 0
    tokens = embedder.count_tokens(content)
    return tokens if tokens > embedder.token_limit else 0


class _Pulse:
    """Renews the lease while the model works, and notices a cancel."""

    def __init__(self, held: JobClaim) -> None:
        self._held, self._renewed = held, monotonic()

    def __call__(self) -> None:
        if monotonic() - self._renewed > settings.SEGMILL_LEASE_SECONDS / RENEWALS_PER_LEASE:
            REEMBEDDINGS.renew(self._held)
            self._renewed = monotonic()


def _count_usage(reembedding_id: UUID, usage: Usage) -> None:
    """Count the requests to the endpoint: they are billed even if the vectors are not used."""
    if usage.requests:
        Reembedding.objects.filter(pk=reembedding_id).update(
            embedding_requests=F("embedding_requests") + usage.requests,
            embedding_tokens=F("embedding_tokens") + usage.tokens,
            embedding_cost=F("embedding_cost") + usage.cost,
        )


@transaction.atomic
def _keep(
    held: JobClaim,
    work: Reembedding,
    embedded: Sequence[Text],
    found: Vectors | None,
    refused: Sequence[tuple[Text, str]],
) -> None:
    REEMBEDDINGS.renew(
        held,
        attempts=0,
        texts_embedded=F("texts_embedded") + len(embedded),
        texts_refused=F("texts_refused") + len(refused),
    )
    if found is not None:
        vectors.store(work.pk, embedded, found)
    vectors.store_refusals(work.pk, refused)
    if work.purpose == ReembeddingPurpose.FILL:
        vectors.fill(held, work)


logger = logging.getLogger(__name__)

# How often a change of model checks whether the imports it waits for have ended.
SECONDS_BETWEEN_LOOKS = 5.0


def no_progress(work: Reembedding) -> None:
    """A listener that ignores progress."""


def take_turn(job_id: UUID) -> Reembedding | None:
    """Handle a queue message: the row afterwards, None if it was deleted."""
    try:
        return run(job_id, turn_seconds=leases.TURN_SECONDS)
    except ReembeddingNotFound as gone:
        logger.info("nothing to do: %s", gone)
        return None


def run(
    job_id: UUID, listener: Listener = no_progress, *, turn_seconds: float | None = None
) -> Reembedding:
    """Do all that can be done for it now, or one turn's worth; returns its row.

    Its own error fails it. Any other error (a lost database, an exception of the listener) is
    raised; the work is put back and retried after a pause.

    Raises:
        ReembeddingNotFound: there is no re-embedding with this id.
    """
    REEMBEDDINGS.give_up_if_spent(job_id)
    REEMBEDDINGS.resume(job_id)
    if claim := REEMBEDDINGS.claim_work(job_id):
        try:
            with REEMBEDDINGS.holding(claim):
                _run(claim, listener, monotonic() + turn_seconds if turn_seconds else inf)
        except ClaimLost as lost:
            logger.info("given up: %s", lost)
    return settle(job_id)


def settle(job_id: UUID) -> Reembedding:
    """Its current row; removes the vectors kept for one that has ended.

    Raises:
        ReembeddingNotFound: there is no re-embedding with this id.
    """
    work = REEMBEDDINGS.load(job_id)
    if work.is_final:
        vectors.clear(work.pk)
        ensure_if_worthwhile(work.dataset)
    return work


def _run(held: JobClaim, listener: Listener, deadline: float) -> None:
    try:
        _advance(held, listener, deadline)
    except KeyboardInterrupt:  # the user leaves it to the workers, or to a later run
        connection.close()  # the open transaction is rolled back
        with suppress(ClaimLost):
            REEMBEDDINGS.release(held)
        raise
    except ImportsUnderWay as waiting:
        REEMBEDDINGS.release(held, SECONDS_BETWEEN_LOOKS, waits_for=str(waiting))
    except EmbeddingUnavailable as trouble:
        logger.warning("interrupted: %s", trouble)
        which = Q(epoch=held.epoch)
        REEMBEDDINGS.interrupt(which, held.job_id, trouble.code, str(trouble))


def _advance(held: JobClaim, listener: Listener, deadline: float) -> None:
    """Portion by portion, until none is left and the segments have their vectors."""
    work = REEMBEDDINGS.load(held.job_id)
    embedder = get_embedder(work.embedding_model_provider, work.embedding_model, work.tenant_id)
    if work.purpose == ReembeddingPurpose.FILL:
        _reuse(held, work)
    _count(held, work)
    last = ""
    while True:
        listener(REEMBEDDINGS.load(held.job_id))
        if texts := vectors.next_texts(work, settings.SEGMILL_CHUNK_ROWS, last):
            embed_portion(held, work, embedder, texts, listener)
            last = texts[-1].content_hash
        elif last:  # texts may have been added since
            last = ""
            _count(held, work)
        elif _is_complete(held, work, embedder):
            return
        if monotonic() > deadline:
            REEMBEDDINGS.release(held)
            REEMBEDDINGS.enqueue(held.job_id)
            return


def _reuse(held: JobClaim, work: Reembedding) -> None:
    with transaction.atomic():
        REEMBEDDINGS.renew(held)
        vectors.lock_shared(work)
        reused = vectors.fill_from_equal_texts(work)
        REEMBEDDINGS.move(held, segments_changed=F("segments_changed") + reused)


def _count(held: JobClaim, work: Reembedding) -> None:
    left = vectors.count_missing(work)
    REEMBEDDINGS.renew(
        held, texts_total=F("texts_embedded") + F("texts_refused") + left, waits_for=""
    )


def _is_complete(held: JobClaim, work: Reembedding, embedder: Embedder) -> bool:
    """Whether all is done; texts may have been added while the last ones were embedded."""
    if work.purpose == ReembeddingPurpose.FILL:
        return vectors.end_filling(held, work)
    return vectors.switch(held, work, embedder.dimensions)
