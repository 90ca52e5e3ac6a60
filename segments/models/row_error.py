"""RowError: why a row of an import's file could not be taken."""

from typing import ClassVar

from django.db import models

from segments.models.import_job import ImportJob
from segments.models.remedies import remedy_for


class RowError(models.Model):
    """A bad row as data: where it is, what stands there, what is wrong, what to do.

    `line` is the line a person sees in an editor or a spreadsheet (the header is line 1).
    `raw` holds the row's cells as they were read, for a report that can be mended.
    """

    id = models.BigAutoField(primary_key=True)
    job = models.ForeignKey(
        ImportJob, on_delete=models.CASCADE, related_name="row_errors", db_constraint=False
    )
    line = models.PositiveBigIntegerField()
    column = models.CharField(max_length=255, blank=True, default="")
    value = models.CharField(max_length=255, blank=True, default="")
    code = models.CharField(max_length=64)
    reason = models.TextField()
    raw = models.JSONField(null=True)

    class Meta:
        ordering: ClassVar = ["line", "id"]

    def __str__(self) -> str:
        return f"line {self.line}: {self.reason}"

    @property
    def remedy(self) -> str:
        """What to do about it, in a few words."""
        return remedy_for(self.code)
