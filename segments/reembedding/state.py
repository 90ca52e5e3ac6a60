"""The moves of a re-embedding, a kind of job (`segments.jobs.dataset_jobs`), and its start.

waiting ─claim_work─► embedding ─complete─► completed
                           │  ▲
                  interrupt│  │resume
                         interrupted
   failed and cancelled from every state but the final ones
"""

from uuid import UUID

from datasets.models import Dataset
from segments.exceptions import ReembeddingNotFound
from segments.files.options import OnError
from segments.jobs.dataset_jobs import DatasetMachine
from segments.models import DocumentSegment, Reembedding
from segments.models.embedding import ReembeddingPurpose, ReembeddingStatus
from segments.models.job import JobStatus


class ReembeddingMachine(DatasetMachine[Reembedding]):
    """The moves of re-embeddings; the arrows are drawn above."""

    model = Reembedding
    noun = "re-embedding"
    task = "segments.tasks.run_reembedding"
    leased = (ReembeddingStatus.EMBEDDING,)
    resumes = ReembeddingStatus.EMBEDDING
    not_found = ReembeddingNotFound

    def ended(self, job_id: UUID, status: JobStatus) -> None:
        """Fill in the vectors that a change of model would have brought: they are still needed."""
        fill_after(self.load(job_id))

    def conflict(self, new: Reembedding) -> str:
        """Names the dataset."""
        return (
            f"Re-embedding of dataset “{new.dataset}” is already in progress. "
            "Wait until it has ended, or cancel it."
        )


REEMBEDDINGS = ReembeddingMachine()


def filling(dataset: Dataset, user_id: int | None = None) -> Reembedding:
    """A re-embedding that fills in the vectors missing in a dataset, by its own model."""
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


def ensure_filling(dataset: Dataset, user_id: int | None = None) -> UUID | None:
    """Start filling in missing vectors unless a re-embedding is open; returns the new one's id.

    For publishing: in its transaction, which has the dataset locked.
    """
    new = filling(dataset, user_id)
    Reembedding.objects.bulk_create([new], ignore_conflicts=True)
    if not Reembedding.objects.filter(pk=new.pk).exists():
        return None  # another one is in progress, and checks again before it ends
    REEMBEDDINGS.enqueue(new.pk)
    return new.pk


def fill_after(ended: Reembedding) -> None:
    """Fill in the vectors that a change of model would have brought, had it not been ended.

    For segments published without one while it ran; in the transaction that ends it.
    """
    dataset = Dataset.objects.get(pk=ended.dataset_id)
    segments = DocumentSegment.objects.filter(dataset=dataset, embedding__isnull=True)
    is_change = ended.purpose == ReembeddingPurpose.CHANGE
    if is_change and dataset.has_vectors and segments.filter(error__isnull=True).exists():
        ensure_filling(dataset)
