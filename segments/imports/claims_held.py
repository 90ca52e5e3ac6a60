"""What an error means for the work whose claim is held: its end, or another try after a pause."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import Error, connection

from datasets.exceptions import SegmillError
from segments.db.errors import is_lost
from segments.exceptions import ClaimLost, EmbeddingUnavailable, ImportCancelled
from segments.imports import chunks, state
from segments.imports.chunks import ChunkClaim
from segments.imports.state import JobClaim
from segments.jobs import log_context

logger = logging.getLogger(__name__)

# What is kept of an error that is not the import's own.
ERROR_CHARS = 500


@contextmanager
def holding(claim: JobClaim) -> Iterator[None]:
    """What an error means for an import whose claim we hold; with the claim lost, nothing."""
    about = {"tenant": claim.tenant_id, "phase": claim.phase, "attempt": claim.attempts}
    with log_context.about(job=claim.job_id, **about):
        logger.info("claimed")
        try:
            yield
        except (ImportCancelled, ClaimLost):
            raise
        except SegmillError as error:
            logger.info("failed: %s", error)
            state.fail_held(claim, error.code, str(error))
        except Exception as trouble:
            logger.warning("put back: %s", _described(trouble))
            with _if_the_database_answers():
                # Once a database that went away is back, there is nothing more to wait for.
                state.put_back(claim, _described(trouble), grows=not is_lost(trouble))
            raise


@contextmanager
def holding_chunk(claim: ChunkClaim) -> Iterator[None]:
    """What an error means for a chunk whose claim we hold; with the claim lost, nothing."""
    with log_context.about(chunk=claim.ordinal, attempt=claim.attempts):
        try:
            yield
        except ClaimLost as lost:
            logger.info("given up: %s", lost)
        except (ImportCancelled, EmbeddingUnavailable):
            raise
        except SegmillError as error:
            logger.info("failed: %s", error)
            chunks.bury(claim, error.code, str(error))
            raise ClaimLost(f"It has failed: {error}") from error
        except Exception as trouble:
            logger.warning("put back: %s", _described(trouble))
            with _if_the_database_answers():
                chunks.put_back(claim, _described(trouble), grows=not is_lost(trouble))
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
