"""Some texts ─model─► their new vectors, kept every few seconds.

No transaction is open while the model runs. What has come is kept whatever happens to the rest,
so that nothing is paid for twice.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic
from uuid import UUID

import numpy as np
from django.conf import settings
from django.db import transaction
from django.db.models import F

from segments.embedding import Embedder, Part, Usage, Vectors, embed_all
from segments.exceptions import TextsRefused
from segments.importing.types import shown
from segments.models import Reembedding
from segments.models.import_job import OnError
from segments.models.reembedding import ReembeddingPurpose
from segments.reembedding import place, state, vectors
from segments.reembedding.state import ReembeddingClaim
from segments.reembedding.vectors import Text

Listener = Callable[[Reembedding], None]
"""What a door passes in to hear of progress; it may raise to stop the work."""

RENEWALS_PER_LEASE = 4
# A crash loses what a slow model gave in so long a time at most; a fast one is done before.
SECONDS_BETWEEN_CHECKPOINTS = 2.0


def embed_portion(
    held: ReembeddingClaim,
    work: Reembedding,
    embedder: Embedder,
    texts: Sequence[Text],
    listener: Listener,
) -> None:
    """Ask for vectors and keep what has come every few seconds, also if not all comes.

    Raises:
        ClaimLost: the claim does not hold any more; nothing more was kept.
        TextsRefused: the model does not take a text, and that ends the reembedding.
        EmbeddingUnavailable: the model does not answer; what it gave before is kept.
    """
    gathered = _Gathered(held, work, texts)
    try:
        takes = gathered.sort_out(embedder)
        contents = [texts[number].content for number in takes]
        for part in embed_all(embedder, contents, _Pulse(held), work.tenant_id):
            gathered.add(part, takes)
            if gathered.is_due:
                gathered.keep()
                listener(state.load(held.id))
    finally:
        gathered.keep()
    if gathered.refusals and _is_strict(work):
        text, reason = gathered.refusals[0]
        raise TextsRefused(
            f"{len(gathered.refusals):,} texts cannot be embedded by {work.embedding_model}. The "
            f"first, “{shown(text.content)}”: {reason}. Change or remove the segments, or leave "
            "them without a vector (--on-error skip). The dataset stays as it was."
        )


@dataclass(slots=True)
class _Gathered:
    """What the model has given for a portion and is not kept yet; `refusals` are all of them."""

    held: ReembeddingClaim
    work: Reembedding
    texts: Sequence[Text]
    refusals: list[tuple[Text, str]] = field(default_factory=list)
    kept_at: float = field(default_factory=monotonic)
    _refused_kept: int = 0
    _embedded: list[Text] = field(default_factory=list)
    _vectors: list[Vectors] = field(default_factory=list)
    _usage: Usage = field(default_factory=Usage)

    def sort_out(self, embedder: Embedder) -> list[int]:
        """The places of the texts that are short enough; the others are refused."""
        takes = []
        for number, text in enumerate(self.texts):
            if tokens := _tokens_over_limit(text.content, embedder):
                reason = f"it has {tokens:,} tokens; the model takes {embedder.token_limit:,}"
                self.refusals.append((text, reason))
            else:
                takes.append(number)
        return takes

    def add(self, part: Part, takes: Sequence[int]) -> None:
        """Take in a part, whose places are among the texts at `takes`."""
        self._embedded += [self.texts[takes[place]] for place in part.places]
        self._vectors.append(part.vectors)
        self.refusals += [
            (self.texts[takes[place]], reason) for place, reason in part.refused.items()
        ]
        self._usage += part.usage

    @property
    def is_due(self) -> bool:
        """Whether what has come was not kept for so long that losing it would hurt."""
        return monotonic() - self.kept_at > SECONDS_BETWEEN_CHECKPOINTS

    def keep(self) -> None:
        """Store what has come since the last time, under the claim.

        Raises:
            ClaimLost: the claim does not hold any more; nothing was kept.
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
    """Whether a refused text ends it; segments that have no vector yet lose nothing."""
    return work.purpose == ReembeddingPurpose.CHANGE and work.on_error == OnError.ABORT


def _tokens_over_limit(content: str, embedder: Embedder) -> int:
    """The tokens of a text that is too long, else 0; a token is a byte of UTF-8 at least."""
    if len(content.encode()) <= embedder.token_limit:
        return 0
    tokens = embedder.count_tokens(content)
    return tokens if tokens > embedder.token_limit else 0


class _Pulse:
    """Keeps the lease while the model works, and hears that the work was cancelled."""

    def __init__(self, held: ReembeddingClaim) -> None:
        self._held, self._renewed = held, monotonic()

    def __call__(self) -> None:
        if monotonic() - self._renewed > settings.SEGMILL_LEASE_SECONDS / RENEWALS_PER_LEASE:
            state.renew(self._held)
            self._renewed = monotonic()


def _count_usage(reembedding_id: UUID, usage: Usage) -> None:
    """Note what was asked of the endpoint: it is billed, whatever becomes of the vectors."""
    if usage.requests:
        Reembedding.objects.filter(pk=reembedding_id).update(
            embedding_requests=F("embedding_requests") + usage.requests,
            embedding_tokens=F("embedding_tokens") + usage.tokens,
            embedding_cost=F("embedding_cost") + usage.cost,
        )


@transaction.atomic
def _keep(
    held: ReembeddingClaim,
    work: Reembedding,
    embedded: Sequence[Text],
    found: Vectors | None,
    refused: Sequence[tuple[Text, str]],
) -> None:
    state.renew(
        held,
        attempts=0,
        texts_embedded=F("texts_embedded") + len(embedded),
        texts_refused=F("texts_refused") + len(refused),
    )
    if found is not None:
        vectors.store(work.pk, embedded, found)
    vectors.store_refusals(work.pk, refused)
    if work.purpose == ReembeddingPurpose.FILL:
        place.fill(held, work)
