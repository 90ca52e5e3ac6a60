"""`manage.py qcluster`: django-q2's, with a sentinel that knows when its cluster is lost."""

import os
from typing import Any

from django_q import cluster
from django_q.management.commands.qcluster import Command as DjangoQCommand

from segments.operations.cluster import LockAwareSentinel
from segments.operations.processes import end_with_parent


class Command(DjangoQCommand):  # type: ignore[misc]  # it has no types
    """Starts a cluster; `run_workers` does, and restarts it when it ends."""

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until asked to stop; no part of the cluster outlives the process that started it."""
        cluster.Sentinel = LockAwareSentinel
        os.register_at_fork(after_in_child=end_with_parent)
        super().handle(*args, **options)
