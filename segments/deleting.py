"""Deleting a document while others work on it: locks in the order in which everybody takes them.

Left to itself, a delete locks segments first and the document last. An edit or a publish does it
the other way round, and one of the two would be ended by PostgreSQL as a deadlock.
"""

from typing import Any

from datasets.models import Document
from segments.models import Chunk, ImportJob


def lock_in_order(sender: type[Document], instance: Document, **kwargs: Any) -> None:
    """Chunks, imports, the document: called in the transaction that deletes, before it does."""
    jobs = ImportJob.objects.filter(document=instance.pk)
    _lock(Chunk.objects.filter(job__in=jobs).order_by("job_id", "ordinal"))
    _lock(jobs.order_by("pk"))
    _lock(Document.objects.filter(pk=instance.pk))


def _lock(rows: Any) -> None:
    list(rows.select_for_update(of=("self",)))
