"""What an error means for the work whose claim is held: its end, or another try after a pause."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import Error, connection

from datasets.exceptions import SegmillError
from segments.exceptions import ClaimLost, EmbeddingUnavailable, ImportCancelled
from segments.importing import chunks, state
from segments.importing.chunks import ChunkClaim
from segments.importing.state import JobClaim

logger = logging.getLogger(__name__)

# What is kept of an error that is not the import's own.
ERROR_CHARS = 500


@contextmanager
def holding(claim: JobClaim) -> Iterator[None]:
    """What an error means for an import whose claim we hold; with the claim lost, nothing."""
    try:
        yield
    except (ImportCancelled, ClaimLost):
        raise
    except SegmillError as error:
        state.fail_held(claim, error.code, str(error))
    except Exception as trouble:
        with _if_the_database_answers():
            state.put_back(claim, _described(trouble))
        raise


@contextmanager
def holding_chunk(claim: ChunkClaim) -> Iterator[None]:
    """What an error means for a chunk whose claim we hold; with the claim lost, nothing."""
    try:
        yield
    except ClaimLost as lost:
        logger.info("chunk %s of import %s: %s", claim.ordinal, claim.job_id, lost)
    except (ImportCancelled, EmbeddingUnavailable):
        raise
    except SegmillError as error:
        chunks.bury(claim, error.code, str(error))
        raise ClaimLost(f"It has failed: {error}") from error
    except Exception as trouble:
        with _if_the_database_answers():
            chunks.put_back(claim, _described(trouble))
        raise


@contextmanager
def _if_the_database_answers() -> Iterator[None]:
    """For what eases the next try and can be left undone: leases run out by themselves."""
    connection.close_if_unusable_or_obsolete()
    try:
        yield
    except Error as trouble:
        logger.warning("the work is taken up when its lease has run out: %s", trouble)


def _described(trouble: Exception) -> str:
    what = " ".join(str(trouble).split())
    return f"The last time: {type(trouble).__name__}: {what}"[:ERROR_CHARS]
