"""How far a reembedding is, as machines get it and as people are shown it."""

from dataclasses import asdict, dataclass
from datetime import datetime

from django.utils import timezone

from segments.importing.types import JSONValue
from segments.models import Reembedding
from segments.models.reembedding import ReembeddingStatus

# A rate over less than this says nothing.
SECONDS_BEFORE_RATE = 1.0
# From how many seconds on a time is told in minutes, and in hours.
MINUTES_FROM, HOURS_FROM = 90, 5_400


@dataclass(frozen=True, slots=True, kw_only=True)
class ReembeddingReport:
    """Where a reembedding stands; the fields are those of `reembed --json`.

    `texts_*` count different texts, `segments_changed` the segments that got another vector;
    `tokens` and `cost` are what an endpoint reports. `seconds` is since it was begun, till its
    end; `seconds_left` is None while nobody can say.
    """

    id: str
    dataset: str
    purpose: str
    status: str
    provider: str
    model: str
    old_provider: str
    old_model: str
    texts_total: int
    texts_embedded: int
    texts_refused: int
    segments_changed: int
    requests: int
    tokens: int
    cost: float
    fraction: float
    seconds: float
    texts_per_second: float | None
    seconds_left: float | None
    waits_for: str
    error_code: str
    error: str

    @property
    def is_success(self) -> bool:
        """Whether the vectors are in their places."""
        return self.status == ReembeddingStatus.COMPLETED

    @property
    def percent(self) -> int:
        """The fraction in whole percent, rounded down."""
        return int(self.fraction * 100)

    @property
    def time_left(self) -> str:
        """`seconds_left` as people say it."""
        left = self.seconds_left or 0.0
        if left < MINUTES_FROM:
            return f"{left:.0f} s"
        if left < HOURS_FROM:
            return f"{left / 60:.0f} min"
        return f"{left / 3600:.1f} h"

    def as_json(self) -> dict[str, JSONValue]:
        """The report as one JSON object."""
        return asdict(self)


def report_reembedding(now: Reembedding) -> ReembeddingReport:
    """The report of a reembedding as it stands."""
    seconds = _seconds(now.started_at, now.finished_at)
    rate = now.texts_done / seconds if now.texts_done and seconds > SECONDS_BEFORE_RATE else None
    left = max(now.texts_total - now.texts_done, 0)
    is_moving = rate is not None and now.status == ReembeddingStatus.EMBEDDING
    return ReembeddingReport(
        id=str(now.pk),
        dataset=now.dataset.name,
        purpose=now.purpose,
        status=now.status,
        provider=now.embedding_model_provider,
        model=now.embedding_model,
        old_provider=now.old_provider,
        old_model=now.old_model,
        texts_total=now.texts_total,
        texts_embedded=now.texts_embedded,
        texts_refused=now.texts_refused,
        segments_changed=now.segments_changed,
        requests=now.embedding_requests,
        tokens=now.embedding_tokens,
        cost=float(now.embedding_cost),
        fraction=round(now.fraction, 4),
        seconds=round(seconds, 3),
        texts_per_second=None if rate is None else round(rate, 1),
        seconds_left=round(left / rate, 1) if rate and is_moving else None,
        waits_for=now.waits_for,
        error_code=now.error_code,
        error=now.error,
    )


def _seconds(start: datetime | None, end: datetime | None) -> float:
    return ((end or timezone.now()) - start).total_seconds() if start else 0.0
