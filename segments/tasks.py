"""What django-q2 runs: one line each, ids only."""

from uuid import UUID

from segments.importing import job


def run_import(job_id: str) -> None:
    """Take a turn at an import."""
    job.take_turn(UUID(job_id))
