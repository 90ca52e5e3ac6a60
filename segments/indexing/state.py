"""The moves of the building of an index (`segments.jobs.dataset_jobs`), and its start.

waiting ─claim_work─► building ─complete─► completed
   failed and cancelled from both

A completed one is the generation itself, in use until it is deleted.
"""

from typing import NamedTuple
from uuid import UUID

from django.db.models import QuerySet

from datasets.models import Dataset
from segments.db.replicas import connection
from segments.exceptions import IndexNotFound
from segments.jobs.dataset_jobs import DatasetMachine
from segments.models import IndexGeneration
from segments.models.indexing import IndexStatus
from segments.models.job import JobStatus


class IndexMachine(DatasetMachine[IndexGeneration]):
    """The moves of generations of an index; the arrows are drawn above."""

    model = IndexGeneration
    noun = "index build"
    task = "segments.tasks.build_index"
    leased = (IndexStatus.BUILDING,)
    resumes = IndexStatus.BUILDING
    not_found = IndexNotFound


# As `generations_of`; written out, for every search asks it.
SERVING = """
    SELECT id, from_version, to_version, vectors, dimensions FROM segments_indexgeneration
    WHERE dataset_id = %s AND status = %s
        AND embedding_model_provider = %s AND embedding_model = %s
    ORDER BY from_version
"""


class ServingGeneration(NamedTuple):
    """What a search has to know of a generation."""

    pk: UUID
    from_version: int
    to_version: int
    vectors: int
    dimensions: int


INDEXES = IndexMachine()
ENDED_BADLY = (JobStatus.FAILED, JobStatus.CANCELLED)


def generations_of(dataset: Dataset) -> QuerySet[IndexGeneration]:
    """The generations that serve searches of the dataset with its model of now, oldest first."""
    provider, model = dataset.model
    return IndexGeneration.objects.filter(
        dataset=dataset,
        status=IndexStatus.COMPLETED,
        embedding_model_provider=provider,
        embedding_model=model,
    ).order_by("from_version")


def serving_generations(dataset: Dataset) -> list[ServingGeneration]:
    """`generations_of`, as far as a search needs them."""
    with connection.cursor() as cursor:
        cursor.execute(SERVING, [dataset.pk, IndexStatus.COMPLETED, *dataset.model])
        return [ServingGeneration(*row) for row in cursor.fetchall()]


def ensure_building(
    dataset: Dataset, user_id: int | None = None, *, background: bool = True
) -> UUID | None:
    """Start building a generation unless one is open; the id of what was started.

    It decides when it begins which versions it covers. Those that failed or were cancelled
    before are forgotten.
    """
    new = IndexGeneration(tenant_id=dataset.tenant_id, dataset=dataset, created_by_id=user_id)
    IndexGeneration.objects.bulk_create([new], ignore_conflicts=True)
    if not IndexGeneration.objects.filter(pk=new.pk).exists():
        return None  # another one is in progress, and looks again when it ends
    IndexGeneration.objects.filter(dataset=dataset, status__in=ENDED_BADLY).delete()
    if background:
        INDEXES.enqueue(new.pk)
    return new.pk


def withdraw_index(dataset_id: UUID) -> None:
    """End what is being built for a dataset, and stop using what was.

    In the transaction that makes it outdated; the tables are dropped afterwards, as orphans.
    """
    generations = IndexGeneration.objects.filter(dataset_id=dataset_id)
    for job_id in generations.open().values_list("pk", flat=True):
        INDEXES.fail(job_id, "outdated", "The dataset has got another model meanwhile.")
    generations.filter(status=IndexStatus.COMPLETED).delete()
