"""Heartbeats, counters and progress samples."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

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


NAME_CHARS = 64


class MetricCount(models.Model):
    """An increment of a counter; the counter's value is the sum of its rows.

    Triggers (`segments/sql/triggers/*counted*`) add rows when an import ends, is deleted or is
    retried and when its chunks are cleared, in the same transaction. Rows are never updated, so
    counting never makes one transaction wait for another; the reaper merges them.

    `bucket` is the upper bound of a histogram's bucket, infinite for a plain counter.
    """

    name = models.CharField(max_length=NAME_CHARS)
    label = models.CharField(max_length=NAME_CHARS, blank=True, default="")
    bucket = models.FloatField()
    value = models.FloatField()

    def __str__(self) -> str:
        return f"{self.name} {self.label} ≤ {self.bucket}: {self.value:+}"


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
        return f"{self.rows:,} rows {self.phase} of {self.job_id} at {self.at}"
