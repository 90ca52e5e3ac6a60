"""Heartbeat: when something that should happen again and again happened last."""

from django.db import models
from django.db.models.functions import Now


class Heartbeat(models.Model):
    """A sign of life, on the database's clock.

    Names: `worker:HOST` for a machine's workers, `reaper`, `canary sent` for the task that
    shows that workers take tasks, and `clean up` for what is removed by age.
    """

    name = models.CharField(primary_key=True, max_length=255)
    at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"{self.name} at {self.at:%Y-%m-%d %H:%M:%S}"
