"""What the doors call to have vectors made: the admin, the command."""

from collections.abc import Callable
from time import sleep

from django.contrib.auth.models import User
from django.db import transaction

from datasets.models import Dataset
from segments.embedding import get_embedder
from segments.exceptions import NoEmbeddingModel
from segments.models import Reembedding
from segments.models.import_job import OnError
from segments.models.reembedding import ReembeddingPurpose, ReembeddingStatus
from segments.reembedding import missing, state, work
from segments.reembedding.portions import Listener
from segments.reembedding.work import nobody

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
    """Embed the dataset anew for another model, and change to it in one moment when done.

    The same model again is fine, for one that is set up in another way now. With `on_error`
    skip, segments the model does not take are left without a vector; otherwise one ends it.
    With `background` workers do it; otherwise the caller runs it (`run_in_foreground`).

    Raises:
        NoEmbeddingModel, EmbeddingFailed: the model is not to be had, or does not answer.
        StateConflict: the dataset's vectors are being made anew already.
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
    return state.submit(order, background=background)


def fill_missing(
    dataset: Dataset, *, user: User | None = None, background: bool = True
) -> Reembedding:
    """Embed the dataset's segments that have no vector.

    Raises:
        NoEmbeddingModel: the dataset has no model.
        StateConflict: the dataset's vectors are being made anew already.
    """
    if not dataset.has_vectors:
        raise NoEmbeddingModel(
            f"Dataset “{dataset.name}” is for full text only. Choose a model for it: "
            "manage.py reembed DATASET --provider … --model …"
        )
    order = missing.filling(dataset, user.pk if user else None)
    return state.submit(order, background=background)


def latest(dataset: Dataset) -> Reembedding | None:
    """The one that is under way, else the last one; None if there never was any."""
    return Reembedding.objects.filter(dataset=dataset).order_by("-created_at").first()


def under_way(dataset: Dataset) -> Reembedding | None:
    """The one that has not ended, if any."""
    return Reembedding.objects.open().filter(dataset=dataset).first()


def cancel(ordered: Reembedding, why: str = "It was cancelled.") -> Reembedding:
    """End it; the dataset keeps its model. Its row afterwards.

    Raises:
        StateConflict: it has ended already, or its vectors are put in place at this moment.
    """
    with transaction.atomic():
        state.cancel(ordered.pk, why)
        missing.fill_after(ordered)
    return work.settle(ordered.pk)


def resume(interrupted: Reembedding, *, background: bool = True) -> Reembedding:
    """Let an interrupted one go on now; its row afterwards.

    Raises:
        StateConflict: it is not interrupted.
    """
    state.resume(interrupted.pk, background=background)
    return state.load(interrupted.pk)


def run_in_foreground(ordered: Reembedding, listener: Listener = nobody) -> Reembedding:
    """Do it here, or watch the worker that does, until it has ended or is interrupted.

    KeyboardInterrupt leaves it where it stands: workers go on with it, or the next run does.

    Raises:
        ReembeddingNotFound: it was deleted with its dataset meanwhile.
    """
    return _until_over(ordered, listener, lambda: work.run(ordered.pk, listener))


def follow(ordered: Reembedding, listener: Listener) -> Reembedding:
    """Watch what workers do until it has ended or is interrupted.

    Raises:
        ReembeddingNotFound: it was deleted with its dataset meanwhile.
    """
    return _until_over(ordered, listener, lambda: state.load(ordered.pk))


def _until_over(
    ordered: Reembedding, listener: Listener, look: Callable[[], Reembedding]
) -> Reembedding:
    while True:
        now = look()
        listener(now)
        if now.is_final or now.status == ReembeddingStatus.INTERRUPTED:
            return now
        sleep(SECONDS_BETWEEN_LOOKS)
