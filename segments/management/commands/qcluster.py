"""`manage.py qcluster`: django-q2's, with a sentinel that knows when its cluster is lost."""

from typing import Any

from django_q import cluster
from django_q.management.commands.qcluster import Command as DjangoQCommand

from segments.operations.cluster import LockAwareSentinel


class Command(DjangoQCommand):  # type: ignore[misc]  # it has no types
    """Starts a cluster; `run_workers` does, and starts it anew when it has ended."""

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until told to stop."""
        cluster.Sentinel = LockAwareSentinel
        super().handle(*args, **options)
