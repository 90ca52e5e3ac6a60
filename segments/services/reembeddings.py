"""Change a dataset's model or fill in missing vectors: start, watch, cancel, resume, report."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from time import sleep

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from datasets.models import Dataset
from segments.embedding import get_embedder
from segments.exceptions import NoEmbeddingModel, StateConflict
from segments.files.options import OnError
from segments.files.types import JSONValue
from segments.models import Reembedding
from segments.models.audit import AuditAction, record
from segments.models.embedding import ReembeddingPurpose, ReembeddingStatus
from segments.reembedding import run
from segments.reembedding.run import Listener, no_progress
from segments.reembedding.state import REEMBEDDINGS, filling
from segments.search.weights import learn_after_change

# How often a watcher looks at what a worker does.
SECONDS_BETWEEN_LOOKS = 0.5


def change_model(
    dataset: Dataset,
    provider: str,
    model: str,
    *,
    on_error: OnError = OnError.ABORT,
    user: User | None = None,
    background: bool = True,
) -> Reembedding:
    """Re-embed the dataset with another model, and switch to it at once when done.

    The same model again is fine, for one that is set up in another way now. With `on_error`
    skip, segments the model does not take are left without a vector; otherwise one ends it.
    With `background` workers do it; otherwise the caller runs it (`run_in_foreground`).

    Raises:
        NoEmbeddingModel, EmbeddingFailed: the model is not available, or does not answer.
        StateConflict: the dataset's re-embedding is already in progress.
    """
    _ = get_embedder(provider, model, dataset.tenant_id).dimensions
    order = Reembedding(
        tenant_id=dataset.tenant_id,
        dataset=dataset,
        created_by=user,
        purpose=ReembeddingPurpose.CHANGE,
        on_error=on_error,
        embedding_model_provider=provider,
        embedding_model=model,
        old_provider=dataset.model[0],
        old_model=dataset.model[1],
    )
    with transaction.atomic():
        submitted = REEMBEDDINGS.submit(order, background=background)
        changes = {"model": [" ".join(dataset.model), f"{provider} {model}"]}
        record(AuditAction.MODEL_CHOSEN, dataset, changes, user)
    return submitted


def fill_missing(
    dataset: Dataset, *, user: User | None = None, background: bool = True
) -> Reembedding:
    """Embed the dataset's segments that have no vector.

    Raises:
        NoEmbeddingModel: the dataset has no model.
        StateConflict: the dataset's re-embedding is already in progress.
    """
    if not dataset.has_vectors:
        raise NoEmbeddingModel(
            f"Dataset “{dataset.name}” has no embedding model. Choose one: "
            "manage.py reembed DATASET --provider … --model …"
        )
    order = filling(dataset, user.pk if user else None)
    return REEMBEDDINGS.submit(order, background=background)


def latest(dataset: Dataset) -> Reembedding | None:
    """The one in progress, else the last one; None if there never was any."""
    return Reembedding.objects.filter(dataset=dataset).order_by("-created_at").first()


def in_progress(dataset: Dataset) -> Reembedding | None:
    """The one that has not ended, if any."""
    return REEMBEDDINGS.in_progress(dataset.pk)


def cancel(ordered: Reembedding, why: str = "It was cancelled.") -> Reembedding:
    """End it; the dataset keeps its model. Its row afterwards.

    Raises:
        StateConflict: it has ended already, or its vectors are put in place at this moment.
    """
    REEMBEDDINGS.cancel(ordered.pk, why)
    return run.settle(ordered.pk)


def resume(interrupted: Reembedding, *, background: bool = True) -> Reembedding:
    """Resume an interrupted one now; returns its row.

    Raises:
        StateConflict: it is not interrupted.
    """
    with transaction.atomic():
        if not REEMBEDDINGS.resume(interrupted.pk, now=True):
            raise StateConflict("It is not interrupted, so it cannot be resumed.")
        if background:
            REEMBEDDINGS.enqueue(interrupted.pk)
    return REEMBEDDINGS.load(interrupted.pk)


def run_in_foreground(ordered: Reembedding, listener: Listener = no_progress) -> Reembedding:
    """Do it here, or watch the worker that does, until it has ended or is interrupted.

    KeyboardInterrupt leaves it in its state: workers continue it, or the next run does.

    Raises:
        ReembeddingNotFound: it has been deleted with its dataset.
    """
    ended = _watch(ordered, listener, lambda: run.run(ordered.pk, listener))
    if ended.status == ReembeddingStatus.COMPLETED:
        learn_after_change(ended.dataset_id)
    return ended


def follow(ordered: Reembedding, listener: Listener) -> Reembedding:
    """Watch what workers do until it has ended or is interrupted.

    Raises:
        ReembeddingNotFound: it has been deleted with its dataset.
    """
    return _watch(ordered, listener, lambda: REEMBEDDINGS.load(ordered.pk))


def _watch(
    ordered: Reembedding, listener: Listener, look: Callable[[], Reembedding]
) -> Reembedding:
    while True:
        now = look()
        listener(now)
        if now.is_final or now.status == ReembeddingStatus.INTERRUPTED:
            return now
        sleep(SECONDS_BETWEEN_LOOKS)


# A rate over less than this says nothing.
SECONDS_BEFORE_RATE = 1.0
# From how many seconds on a time is shown in minutes, and in hours.
MINUTES_FROM, HOURS_FROM = 90, 5_400


@dataclass(frozen=True, slots=True, kw_only=True)
class ReembeddingReport:
    """Where a reembedding stands; the fields are those of `reembed --json`.

    `texts_*` count different texts, `segments_changed` the segments that got another vector;
    `tokens` and `cost` are what an endpoint reports. `seconds` is from its start to its
    end; `seconds_left` is None while unknown.
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
    """The current report of a re-embedding."""
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
