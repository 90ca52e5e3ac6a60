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
from segments.progress import mirror_after_commit


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
        """(a) Take a waiting job, or one whose preparer was lost; None if there is nothing to take.

        A job waits on while its tenant has as many under way as it may.
        """
        with transaction.atomic():
            if not has_room(job_id):
                return None
            begins = Q(status=ImportStatus.WAITING)
            return self.claim(job_id, ImportStatus.PREPARING, begins, "started_at")

    def start_embedding(self, claim: JobClaim, **changes: Any) -> None:
        """(b) Every row is checked and staged: hand the chunks to whoever embeds.

        Raises:
            ImportCancelled, ClaimLost: the claim does not hold any more.
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
        """(c) Take a job whose chunks are all done, or one whose publisher was lost."""
        return self.claim(job_id, ImportStatus.PUBLISHING, is_embedded(), "embedded_at")

    def interrupt_embedding(self, job_id: UUID, code: str, error: str) -> None:
        """(h) Leave a job whose model is away where it stands.

        From here on it is the workers': the process that began it need not be there any more.
        One that is not embedding any more stays as it is: others have done without.
        """
        self.interrupt(Q(), job_id, code, error, background=True)

    def mark_tidied(self, job_id: UUID) -> None:
        """Note that nothing of a finished import is staged any more."""
        self.jobs.filter(pk=job_id).update(tidied_at=Now())

    def claimable(self) -> QuerySet[ImportJob]:
        """Background imports with work to take; a foreground one is its own process's business."""
        starts = Q(status=ImportStatus.WAITING) & tenant_has_room()
        embeds = Q(Exists(free_chunks()), status=ImportStatus.EMBEDDING) | is_embedded()
        resumes = Q(status=ImportStatus.INTERRUPTED)
        ready = starts | self.abandoned(*LEASED_STATUSES) | embeds | resumes
        jobs = self.jobs.open().filter(is_due(), ready, background=True)
        return jobs.annotate(since=_since(), is_worked_on=Exists(held_chunks()))

    def changed(self, job_id: UUID, *, often: bool = False) -> None:
        """Progress is shown from the cache."""
        mirror_after_commit(job_id, often=often)

    def busy_reason(self, job_id: UUID) -> str:
        """While its rows are published, or a worker stores some."""
        if self.jobs.filter(pk=job_id, status=ImportStatus.PUBLISHING).exists():
            return "The import is being published now; undo it afterwards."
        return "A worker is storing rows of the import. Try again in a moment."

    def lost_reason(self, job_id: UUID) -> ClaimLost:
        """A cancelled import is told from one that another worker has."""
        if self.jobs.filter(pk=job_id, status=ImportStatus.CANCELLED).exists():
            return ImportCancelled("The import was cancelled.")
        return ClaimLost("Another worker has taken the import over.")

    def stalled(self, time: timedelta, *, leases_over: timedelta) -> Q:
        """As for every job; while embedding, the leases are on chunks, and each is a step."""
        lately, leased = Now() - time, Now() - leases_over
        chunks = Chunk.objects.filter(job_id=OuterRef("pk"))
        alive = Exists(chunks.filter(Q(lease_until__gte=leased) | Q(finished_at__gte=lately)))
        embeds = Q(status__in=(ImportStatus.EMBEDDING, ImportStatus.INTERRUPTED))
        return (
            Q(status=ImportStatus.WAITING, created_at__lt=lately)
            | Q(status__in=LEASED_STATUSES, lease_until__lt=leased)
            | Q(~alive & embeds, prepared_at__lt=lately)
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
    """Chunks of the outer query's import that somebody works on."""
    running = Chunk.objects.filter(status=ChunkStatus.RUNNING, lease_until__gte=Now())
    return running.filter(job_id=OuterRef("pk"))


def is_embedded() -> Q:
    """Whether all chunks of an import are done, so that it can be published."""
    unfinished = Chunk.objects.filter(job_id=OuterRef("pk")).exclude(status=ChunkStatus.DONE)
    return Q(~Exists(unfinished), status=ImportStatus.EMBEDDING)


def has_room(job_id: UUID) -> bool:
    """Whether the import may begin: in a transaction, which holds the tenant's row till its end.

    A foreground import always may: its process is there already.
    """
    job = ImportJob.objects.only("tenant_id", "background", "status").filter(pk=job_id).first()
    if job is None or not job.background or job.status != ImportStatus.WAITING:
        return True
    if not settings.SEGMILL_TENANT_IMPORTS:
        return True
    Tenant.objects.select_for_update(no_key=True).get(pk=job.tenant_id)
    return ImportJob.objects.filter(tenant_has_room(), pk=job_id).exists()


def tenant_has_room() -> Q:
    """Whether the tenant of an import has fewer under way than `SEGMILL_TENANT_IMPORTS`."""
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
    """Since when a claimable import could be taken."""
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
