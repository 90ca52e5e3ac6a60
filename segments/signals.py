"""Events, as Django signals; connect receivers in the `ready` of an app of yours.

A signal is sent after the commit, in the process that did it: a worker, a command or the web
server. What a receiver raises is logged by Django and changes nothing. `import_ended` comes at
least once: a process that is killed in that moment leaves it to another one.
"""

from functools import partial
from uuid import UUID

from django.db import transaction
from django.dispatch import Signal

import_ended = Signal()
"""An import is completed, failed or cancelled: `job_id`, `document_id`, `status`."""

import_undone = Signal()
"""What an import had added was removed again: `job_id`, `document_id`."""

segments_edited = Signal()
"""Single segments were changed or deleted: `document_id`, `segment_ids`, `deleted`."""


def announce_edit(document_id: UUID, segment_ids: list[UUID], *, deleted: bool = False) -> None:
    """Send `segments_edited` once the open transaction has committed."""
    from segments.models import DocumentSegment  # signals are connected before models are there

    send = partial(
        segments_edited.send_robust,
        DocumentSegment,
        document_id=document_id,
        segment_ids=segment_ids,
        deleted=deleted,
    )
    transaction.on_commit(send)
