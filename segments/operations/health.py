"""Whether this installation can do its work: the services an import needs.

Load balancers and orchestrators ask every few seconds, so an answer costs only a few small
queries. Details go to the log, because the answer is public.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

from django.db import Error, connection, transaction
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import Exists, OuterRef
from django.db.models.functions import Now

from segments.db.errors import outages
from segments.jobs import heartbeats, queue
from segments.models import Chunk, ImportJob
from segments.models.import_job import ChunkStatus
from segments.operations.reaper import CANARY_SECONDS, stall_seconds

logger = logging.getLogger(__name__)

# A database that takes longer for one of these queries counts as down.
TIMEOUT_SECONDS = 3
NOT_CHECKED = "not checked while the database does not answer"


@dataclass(frozen=True, slots=True)
class Part:
    """Something that an import needs; `trouble` is empty if it is ready."""

    name: str
    trouble: str = ""


def examine() -> list[Part]:
    """All parts, each after those it needs.

    Every check needs a connection to the database: if there is none, waiting for it once is
    enough, or the caller would time out before the answer.
    """
    first, *others = PARTS
    trouble = _asked(first, PARTS[first])
    return [
        Part(first, trouble),
        *(Part(name, NOT_CHECKED if trouble else _asked(name, PARTS[name])) for name in others),
    ]


def _asked(name: str, look: Callable[[], str]) -> str:
    try:
        with _with_timeout():
            return look()
    except outages() as trouble:
        logger.warning("not ready: %s: %s", name, trouble)
        if isinstance(trouble, Error):
            connection.close_if_unusable_or_obsolete()
        return "does not answer"


@contextmanager
def _with_timeout() -> Iterator[None]:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = %s", [f"{TIMEOUT_SECONDS}s"])
        yield


def _database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return ""


def _migrations() -> str:
    return "some are not applied: run manage.py migrate" if missing_migrations() else ""


def missing_migrations() -> list[str]:
    """The migrations of this code that the database does not have, as `app.name`."""
    applied = MigrationRecorder(connection).applied_migrations()
    return sorted(f"{app}.{name}" for app, name in _known_migrations() - applied.keys())


@cache
def _known_migrations() -> frozenset[tuple[str, str]]:
    """The migrations on the disk; a running process keeps the code it started with."""
    return frozenset(MigrationLoader(None).disk_migrations or ())


def _broker() -> str:
    return "" if queue.is_answering() else "does not answer"


def _workers() -> str:
    if not queue.has_workers() or are_workers_well():
        return ""
    return "no worker has reported recently: check that manage.py run_workers is running"


def are_workers_well() -> bool:
    """Whether a worker has recently taken a task or made progress with one.

    The reaper sends idle workers a task every `CANARY_SECONDS`, so silence means something.
    """
    age = heartbeats.age_of_any_worker()
    timeout = CANARY_SECONDS + stall_seconds()
    return (age is not None and age <= timeout) or _is_work_held()


def _is_work_held() -> bool:
    ours = ImportJob.objects.open().filter(background=True)
    chunks = Chunk.objects.filter(status=ChunkStatus.RUNNING, lease_until__gte=Now())
    of_ours = Exists(ours.filter(pk=OuterRef("job_id")))
    return ours.filter(lease_until__gte=Now()).exists() or chunks.filter(of_ours).exists()


PARTS: Mapping[str, Callable[[], str]] = {
    "database": _database,
    "migrations": _migrations,
    "broker": _broker,
    "workers": _workers,
}
