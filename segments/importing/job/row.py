"""The row of an import, and what it says of its file and its place."""

from uuid import UUID

from segments.exceptions import ImportNotFound
from segments.importing.options import ImportOptions
from segments.importing.types import Target
from segments.models import ImportJob


def load(job_id: UUID) -> ImportJob:
    """The import as its row says now.

    Raises:
        ImportNotFound: there is no such import.
    """
    job = ImportJob.objects.select_related("document", "dataset").filter(pk=job_id).first()
    if job is None:
        raise ImportNotFound(str(job_id))
    return job


def target_of(job: ImportJob) -> Target:
    """Where the rows of `job` are going."""
    return Target(
        document_id=job.document_id,
        dataset_id=job.dataset_id,
        doc_form=job.document.doc_form,
        text_search_config=job.dataset.text_search_config,
        provider=job.embedding_model_provider,
        model=job.embedding_model,
        tenant_id=job.tenant_id,
    )


def options_of(job: ImportJob) -> ImportOptions:
    """How the file of `job` is read and what it does to its document."""
    return ImportOptions.from_json(job.options | {"mode": job.mode, "on_error": job.on_error})
