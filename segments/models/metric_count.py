"""MetricCount: what has been counted of imports and chunks that are not at work any more."""

from django.db import models

NAME_CHARS = 64


class MetricCount(models.Model):
    """So much more of something; what was counted so far is the sum of all its rows.

    Triggers (see the migration `metrics`) add rows when an import ends, is deleted or is tried
    again and when its chunks are cleared, in the transaction that does so. Nobody updates a
    row, so counting never makes one transaction wait for another; the reaper sums rows up.

    `bucket` is the upper bound of a histogram's bucket, infinite for a plain counter.
    """

    name = models.CharField(max_length=NAME_CHARS)
    label = models.CharField(max_length=NAME_CHARS, blank=True, default="")
    bucket = models.FloatField()
    value = models.FloatField()

    def __str__(self) -> str:
        return f"{self.name} {self.label} ≤ {self.bucket}: {self.value:+}"
