"""New vectors ─► segments: one transaction, in which search goes from the old to the new."""

from django.db import connection, transaction
from django.db.models import F

from datasets.models import Dataset, IndexingTechnique
from segments.exceptions import TargetGone
from segments.models import ImportJob, Reembedding
from segments.models.import_job import WORKING_STATUSES, ImportStatus
from segments.reembedding import state, vectors
from segments.reembedding.state import ReembeddingClaim

UNDER_WAY = (*WORKING_STATUSES, ImportStatus.INTERRUPTED)


class ImportsUnderWay(Exception):
    """Imports that were prepared for the old model have to end first."""

    def __init__(self, imports: int) -> None:
        some = "an import" if imports == 1 else f"{imports} imports"
        super().__init__(f"Waits for {some} of the dataset to end.")


@transaction.atomic
def switch(held: ReembeddingClaim, work: Reembedding, dimensions: int) -> bool:
    """Change the dataset to its new model; False if texts came that have no new vector yet.

    The dataset is locked against publishing, so that no text comes in between the last look
    and the switch. Imports that only wait go on with the new model.

    Raises:
        ClaimLost: the claim does not hold any more.
        ImportsUnderWay: imports that know the old model have begun and have not ended.
        TargetGone: the dataset has got another model meanwhile.
    """
    state.renew(held)
    dataset = Dataset.objects.select_for_update(no_key=True).get(pk=work.dataset_id)
    if dataset.model != (work.old_provider, work.old_model):
        raise TargetGone(f"Dataset “{dataset}” has got another model meanwhile. Start again.")
    imports = ImportJob.objects.filter(dataset=dataset)
    # Before the look at those that have begun: an import that begins now is seen by one of both.
    imports.filter(status=ImportStatus.WAITING).update(
        embedding_model_provider=work.embedding_model_provider,
        embedding_model=work.embedding_model,
        embedding_dimensions=dimensions,
    )
    if under_way := imports.filter(status__in=UNDER_WAY).count():
        raise ImportsUnderWay(under_way)
    if vectors.count_missing(work):
        return False
    changed = vectors.put_in_place(work)
    Dataset.objects.filter(pk=dataset.pk).update(
        indexing_technique=IndexingTechnique.HIGH_QUALITY,
        embedding_model_provider=work.embedding_model_provider,
        embedding_model=work.embedding_model,
    )
    state.complete(held, segments_changed=changed)
    return True


@transaction.atomic
def end_filling(held: ReembeddingClaim, work: Reembedding) -> bool:
    """End the filling; False if segments without a vector were published meanwhile.

    The dataset is locked against publishing: a publish sees either that this still goes on and
    looks again, or that it has ended and that another has to be begun.

    Raises:
        ClaimLost: the claim does not hold any more.
    """
    state.renew(held)
    Dataset.objects.select_for_update(no_key=True).get(pk=work.dataset_id)
    if vectors.count_missing(work):
        return False
    state.complete(held)
    return True


def fill(held: ReembeddingClaim, work: Reembedding) -> None:
    """Give segments the vectors that have just been stored for them, and forget those.

    In the caller's transaction, which has renewed the claim.

    Raises:
        ClaimLost: the claim does not hold any more.
        TargetGone: the dataset has got another model meanwhile.
    """
    lock_shared(work)
    changed = vectors.put_in_place(work)
    vectors.forget_placed(work)
    state.move(held, segments_changed=F("segments_changed") + changed)


def lock_shared(work: Reembedding) -> None:
    """Keep the dataset's model as it is till the end of the transaction.

    Raises:
        TargetGone: it is not the one that the vectors are of.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM datasets_dataset WHERE id = %s FOR SHARE", [work.dataset_id])
    dataset = Dataset.objects.get(pk=work.dataset_id)
    if dataset.model != (work.embedding_model_provider, work.embedding_model):
        raise TargetGone(f"Dataset “{dataset}” has got another model meanwhile.")
