"""The third step of a claimed import: its staged rows ─► segments."""

from django.db import IntegrityError

from segments.exceptions import TargetGone
from segments.importing.job.row import load
from segments.importing.publish import publish as publish_staged
from segments.importing.state import JobClaim
from segments.importing.types import Listener, Progress
from segments.models.import_job import ImportStatus
from segments.models.segment import EXTERNAL_ID_ONCE


def publish(claim: JobClaim, listener: Listener) -> None:
    """Make the staged rows segments, all at once."""
    job = load(claim.job_id)
    listener(Progress(ImportStatus.PUBLISHING, 0))
    try:
        published = publish_staged(claim)
    except IntegrityError as error:
        if EXTERNAL_ID_ONCE not in str(error):
            raise
        raise TargetGone(
            "Another import gave the document segments with the same external ids meanwhile. "
            "Import the file again to see which."
        ) from error
    listener(
        Progress(
            ImportStatus.COMPLETED,
            published.created + published.updated,
            1.0,
            reused=job.rows_reused,
        )
    )
