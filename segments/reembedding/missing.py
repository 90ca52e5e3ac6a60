"""Missing vectors are asked for: by publishing, and by a change of model that came to nothing."""

from uuid import UUID

from django.db import transaction

from datasets.models import Dataset
from segments.hints import hint_reembedding
from segments.models import DocumentSegment, Reembedding
from segments.models.import_job import OnError
from segments.models.reembedding import ReembeddingPurpose
from segments.reembedding import state


def fill_after(ended: Reembedding) -> None:
    """Have the vectors made that a change of model would have brought, had it not been ended.

    For segments that were published without one while it ran; in the transaction that ends it.
    """
    dataset = Dataset.objects.get(pk=ended.dataset_id)
    segments = DocumentSegment.objects.filter(dataset=dataset, embedding__isnull=True)
    is_change = ended.purpose == ReembeddingPurpose.CHANGE
    if is_change and dataset.has_vectors and segments.filter(error__isnull=True).exists():
        ensure_filling(dataset)


@transaction.atomic
def give_up(reembedding_id: UUID, code: str, error: str) -> bool:
    """End one as failed, and have the vectors made that are missing then; False if it has ended."""
    if not state.fail(reembedding_id, code, error):
        return False
    fill_after(state.load(reembedding_id))
    return True


def ensure_filling(dataset: Dataset, user_id: int | None = None) -> UUID | None:
    """See to it that missing vectors come; the id of what was begun, if it had to be.

    For publishing: in its transaction, which has the dataset locked.
    """
    new = filling(dataset, user_id)
    Reembedding.objects.bulk_create([new], ignore_conflicts=True)
    if not Reembedding.objects.filter(pk=new.pk).exists():
        return None  # another one is under way, and looks again before it ends
    hint_reembedding(new.pk)
    return new.pk


def filling(dataset: Dataset, user_id: int | None = None) -> Reembedding:
    """The order for vectors of the dataset's own model for its segments that have none."""
    return Reembedding(
        tenant_id=dataset.tenant_id,
        dataset=dataset,
        created_by_id=user_id,
        purpose=ReembeddingPurpose.FILL,
        on_error=OnError.SKIP,
        embedding_model_provider=dataset.embedding_model_provider,
        embedding_model=dataset.embedding_model,
        old_provider=dataset.model[0],
        old_model=dataset.model[1],
    )
