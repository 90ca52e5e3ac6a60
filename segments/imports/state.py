"""The moves of an import, a kind of job (`segments.jobs.state_machine`).

    waiting ─a─► preparing ─b─► embedding ─c─► publishing ─d─► completed
                  ▲  │ a         h │  ▲ i       ▲  │ c
                  └──┘          interrupted     └──┘   once the lease has run out
        (f) failed and (g) cancelled from every state but the final ones

    a claim_preparing   b start_embedding   c claim_publishing   d complete
    h interrupt_embedding   i resume   f fail, fail_held, give_up_if_spent, expire   g cancel

While embedding, claims are on chunks (`segments.imports.chunks`).
"""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import (
    Case,
    Count,
    Exists,
    F,
    IntegerField,
    Max,
    Min,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models.functions import Coalesce, Greatest, Now
from django.db.models.lookups import LessThan

from datasets.models import Tenant
from segments.exceptions import ClaimLost, ImportCancelled, ImportNotFound
from segments.files.options import ImportOptions
from segments.files.types import Target
from segments.jobs.leases import is_due
from segments.jobs.state_machine import SINCE_CREATED, SINCE_LEASE, JobClaim, StateMachine
from segments.models import Chunk, ImportJob
from segments.models.import_job import (
    LEASED_STATUSES,
    WORKING_STATUSES,
    ChunkStatus,
    ImportStatus,
)
from segments.models.job import JobStatus
from segments.progress import mirror_after_commit
from segments.webhooks.events import announce_end


class ImportMachine(StateMachine[ImportJob]):
    """The moves of imports; the arrows are drawn above."""

    model = ImportJob
    noun = "import"
    task = "segments.tasks.run_import"
    leased = LEASED_STATUSES
    resumes = ImportStatus.EMBEDDING
    not_found = ImportNotFound
    with_it = ("document", "dataset")

    def claim_preparing(self, job_id: UUID) -> JobClaim | None:
        """(a) Claim a waiting job, or one whose worker was lost; None if there is nothing to claim.

        A job keeps waiting while its tenant runs as many imports as allowed.
        """
        with transaction.atomic():
            if not has_room(job_id):
                return None
            begins = Q(status=ImportStatus.WAITING)
            return self.claim(job_id, ImportStatus.PREPARING, begins, "started_at")

    def start_embedding(self, claim: JobClaim, **changes: Any) -> None:
        """(b) Every row is checked and staged: free the chunks for embedding.

        Raises:
            ImportCancelled, ClaimLost: the claim was lost.
        """
        self.move(
            claim,
            status=ImportStatus.EMBEDDING,
            prepared_at=Now(),
            attempts=0,
            lease_until=None,
            last_error="",
            **changes,
        )

    def claim_publishing(self, job_id: UUID) -> JobClaim | None:
        """(c) Claim a job whose chunks are all done, or one whose publisher was lost."""
        return self.claim(job_id, ImportStatus.PUBLISHING, is_embedded(), "embedded_at")

    def interrupt_embedding(self, job_id: UUID, code: str, error: str) -> None:
        """(h) Interrupt a job whose model does not answer.

        From here on workers run it: the process that started it may have exited. A job that is not
        embedding any more is left alone: other workers have finished it.
        """
        self.interrupt(Q(), job_id, code, error, background=True)

    def complete(self, claim: JobClaim, **changes: Any) -> None:
        """Complete it, and have webhooks told of it."""
        super().complete(claim, **changes)
        announce_end(claim.job_id)

    def ended(self, job_id: UUID, status: JobStatus) -> None:
        """Have webhooks told of it."""
        announce_end(job_id)

    def mark_tidied(self, job_id: UUID) -> None:
        """Record that a finished import has nothing staged any more."""
        self.jobs.filter(pk=job_id).update(tidied_at=Now())

    def claimable(self) -> QuerySet[ImportJob]:
        """Background imports with work to claim; a foreground import runs in its own process."""
        starts = Q(status=ImportStatus.WAITING) & tenant_has_room()
        embeds = Q(Exists(free_chunks()), status=ImportStatus.EMBEDDING) | is_embedded()
        resumes = Q(status=ImportStatus.INTERRUPTED)
        ready = starts | self.abandoned(*LEASED_STATUSES) | embeds | resumes
        jobs = self.jobs.open().filter(is_due(), ready, background=True)
        return jobs.annotate(since=_since(), is_worked_on=Exists(held_chunks()))

    def changed(self, job_id: UUID, *, often: bool = False) -> None:
        """Update the progress in the cache, which pages read."""
        mirror_after_commit(job_id, often=often)

    def busy_reason(self, job_id: UUID) -> str:
        """Its rows are being published, or a worker is storing some."""
        if self.jobs.filter(pk=job_id, status=ImportStatus.PUBLISHING).exists():
            return "The import is being published now; undo it afterwards."
        return "A worker is storing rows of the import. Try again in a moment."

    def lost_reason(self, job_id: UUID) -> ClaimLost:
        """Distinguishes a cancelled import from one that another worker has claimed."""
        if self.jobs.filter(pk=job_id, status=ImportStatus.CANCELLED).exists():
            return ImportCancelled("The import was cancelled.")
        return ClaimLost("Another worker has taken the import over.")

    def stalled(self, time: timedelta, *, leases_over: timedelta) -> Q:
        """As for every job; while embedding, leases are on chunks, and each chunk is a step."""
        recently, leased = Now() - time, Now() - leases_over
        chunks = Chunk.objects.filter(job_id=OuterRef("pk"))
        alive = Exists(chunks.filter(Q(lease_until__gte=leased) | Q(finished_at__gte=recently)))
        embeds = Q(status__in=(ImportStatus.EMBEDDING, ImportStatus.INTERRUPTED))
        return (
            Q(status=ImportStatus.WAITING, created_at__lt=recently)
            | Q(status__in=LEASED_STATUSES, lease_until__lt=leased)
            | Q(~alive & embeds, prepared_at__lt=recently)
        )


IMPORT_JOBS = ImportMachine()


def is_free() -> Q:
    """Whether a worker may claim a chunk."""
    abandoned = Q(status=ChunkStatus.RUNNING, lease_until__lt=Now())
    return is_due() & (Q(status=ChunkStatus.PENDING) | abandoned)


def free_chunks() -> QuerySet[Chunk]:
    """Chunks of the outer query's import that a worker may claim."""
    return Chunk.objects.filter(is_free(), job_id=OuterRef("pk"))


def held_chunks() -> QuerySet[Chunk]:
    """Chunks of the outer query's import that a worker holds."""
    running = Chunk.objects.filter(status=ChunkStatus.RUNNING, lease_until__gte=Now())
    return running.filter(job_id=OuterRef("pk"))


def is_embedded() -> Q:
    """Whether all chunks of an import are done, so that it can be published."""
    unfinished = Chunk.objects.filter(job_id=OuterRef("pk")).exclude(status=ChunkStatus.DONE)
    return Q(~Exists(unfinished), status=ImportStatus.EMBEDDING)


def has_room(job_id: UUID) -> bool:
    """Whether the import may start; locks the tenant's row until the transaction ends.

    A foreground import always may: its process is already running.
    """
    job = ImportJob.objects.only("tenant_id", "background", "status").filter(pk=job_id).first()
    if job is None or not job.background or job.status != ImportStatus.WAITING:
        return True
    if not settings.SEGMILL_TENANT_IMPORTS:
        return True
    Tenant.objects.select_for_update(no_key=True).get(pk=job.tenant_id)
    return ImportJob.objects.filter(tenant_has_room(), pk=job_id).exists()


def tenant_has_room() -> Q:
    """Whether the tenant of an import runs fewer than `SEGMILL_TENANT_IMPORTS`."""
    most: int = settings.SEGMILL_TENANT_IMPORTS
    if not most:
        return Q()
    under_way = ImportJob.objects.filter(
        tenant=OuterRef("tenant"), background=True, status__in=WORKING_STATUSES
    )
    counted = under_way.order_by().values("tenant").values(number=Count("pk"))
    number = Coalesce(Subquery(counted, output_field=IntegerField()), Value(0))
    return Q(LessThan(number, Value(most)))


def _since() -> Case:
    """When a claimable import became claimable."""
    chunks = Chunk.objects.filter(job_id=OuterRef("pk")).order_by().values("job_id")
    due = Greatest(OuterRef("prepared_at"), "lease_until", "not_before")
    freed = Subquery(chunks.filter(is_free()).values(first=Min(due)))
    done = Subquery(chunks.values(last=Max("finished_at")))
    return Case(
        When(status__in=LEASED_STATUSES, then=SINCE_LEASE),
        When(status=ImportStatus.EMBEDDING, then=Coalesce(freed, done, F("prepared_at"))),
        default=SINCE_CREATED,
    )


def target_of(job: ImportJob) -> Target:
    """Where the rows of `job` are going."""
    return Target(
        document_id=job.document_id,
        dataset_id=job.dataset_id,
        doc_form=job.document.doc_form,
        text_search_config=job.dataset.text_search_config,
        provider=job.embedding_model_provider,
        model=job.embedding_model,
        tenant_id=job.tenant_id,
        language=job.dataset.language,
    )


def options_of(job: ImportJob) -> ImportOptions:
    """How the file of `job` is read and what it does to its document."""
    return ImportOptions.from_json(job.options | {"mode": job.mode, "on_error": job.on_error})
