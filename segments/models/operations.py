"""Heartbeats, what deleted jobs had done, and progress samples."""

from decimal import Decimal
from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from datasets.wording import how_many
from segments.db.positions import LsnField
from segments.models.import_job import ImportJob


class Heartbeat(models.Model):
    """When something last ran, on the database's clock.

    Names: `worker:HOST` for a machine's workers, `reaper`, `canary sent` for the task that
    proves that workers take tasks, and `clean up` for the removal of old data.
    """

    name = models.CharField(primary_key=True, max_length=255)
    at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"{self.name} at {self.at:%Y-%m-%d %H:%M:%S}"


class WalPosition(models.Model):
    """A change that a replica must have replayed before it may answer whom the change concerns.

    That is who asks for the dataset; without one, for anything of the tenant; without that,
    anybody. `origin` says who made it: an import, an API key, a session. `position` is empty until
    just after the commit (`segments.db.positions`). Written only where there are replicas.
    """

    tenant_id = models.UUIDField(null=True)
    dataset_id = models.UUIDField(null=True)
    origin = models.CharField(max_length=64)
    position = LsnField(null=True)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes: ClassVar = [models.Index(fields=["tenant_id"], name="wal_position_of_tenant")]

    def __str__(self) -> str:
        return f"{self.origin} at {self.position}"


class DeletedJob(models.Model):
    """What a deleted import or re-embedding had done: the columns that metrics are summed from.

    A trigger on each of the two tables writes it in the transaction that deletes, so that no
    counter of `/metrics` ever falls. `status` is `deleted` for an import that had not ended,
    and empty for a re-embedding.
    """

    status = models.CharField(max_length=16, blank=True, db_default="")
    started_at = models.DateTimeField(null=True)
    prepared_at = models.DateTimeField(null=True)
    embedded_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    rows_failed = models.PositiveBigIntegerField(db_default=0)
    rows_embedded = models.PositiveBigIntegerField(db_default=0)
    rows_reused = models.PositiveBigIntegerField(db_default=0)
    rows_created = models.PositiveBigIntegerField(db_default=0)
    rows_updated = models.PositiveBigIntegerField(db_default=0)
    rows_skipped = models.PositiveBigIntegerField(db_default=0)
    rows_deleted = models.PositiveBigIntegerField(db_default=0)
    embedding_requests = models.PositiveBigIntegerField(db_default=0)
    embedding_tokens = models.PositiveBigIntegerField(db_default=0)
    embedding_cost = models.DecimalField(max_digits=20, decimal_places=10, db_default=Decimal(0))

    def __str__(self) -> str:
        return f"a deleted job ({self.status or 're-embedding'})"


class ProgressSample(models.Model):
    """How many rows a phase of an import had finished; written with the rows themselves."""

    job = models.ForeignKey(
        ImportJob,
        on_delete=models.CASCADE,
        related_name="samples",
        db_index=False,
        db_constraint=False,
    )
    at = models.DateTimeField(db_default=Now())
    phase = models.CharField(max_length=16)
    rows = models.PositiveBigIntegerField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["job", "at"], name="sample_of_import")]

    def __str__(self) -> str:
        return f"{how_many(self.rows, 'row')} {self.phase} of {self.job_id} at {self.at}"
