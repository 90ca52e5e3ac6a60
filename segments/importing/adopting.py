"""An import takes the model that its dataset has when its rows are prepared.

It may have been another one when the import was handed in: while it waited, the dataset may have
been embedded anew.
"""

from django.db import connection

from datasets.models import Dataset
from segments.importing import state
from segments.importing.state import JobClaim
from segments.models import ImportJob

# Waits for a change of model that is being made at this moment, and sees it.
LOCK = "SELECT FROM datasets_dataset WHERE id = %s FOR SHARE"


def adopt_model(claim: JobClaim) -> None:
    """Give the import its dataset's model of this moment; in the caller's transaction.

    A change of model waits for imports that have begun, so from here on it stays the same.

    Raises:
        ImportCancelled, ClaimLost: the claim does not hold any more.
    """
    job = ImportJob.objects.get(pk=claim.job_id)
    with connection.cursor() as cursor:
        cursor.execute(LOCK, [job.dataset_id])
    dataset = Dataset.objects.filter(pk=job.dataset_id).first()
    if dataset is None:  # it was deleted, and the import with it
        return
    provider, model = dataset.model
    if (provider, model) != (job.embedding_model_provider, job.embedding_model):
        state.renew(
            claim,
            embedding_model_provider=provider,
            embedding_model=model,
            embedding_dimensions=None,
        )
