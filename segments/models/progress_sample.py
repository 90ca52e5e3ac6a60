"""ProgressSample: how far an import had come at a moment, for the chart of its life."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from segments.models.import_job import ImportJob


class ProgressSample(models.Model):
    """The rows that a phase of an import had behind it; written with the rows themselves."""

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
