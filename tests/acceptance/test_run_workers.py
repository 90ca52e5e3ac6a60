"""`manage.py run_workers` with real processes: what dies is started again, what hangs as well."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from io import BytesIO
from pathlib import Path

import psutil
import pytest

from datasets.models import Document
from segments.jobs import heartbeats
from segments.models import ImportJob
from segments.models.import_job import ImportSource, ImportStatus
from segments.services import imports
from tests.constants import with_constants

from .processes import running, wait_until

pytestmark = pytest.mark.django_db(transaction=True)

QUICK = {
    "SEGMILL_WORKERS": "1",
    "SEGMILL_LEASE_SECONDS": "3",
}
QUICK_LOOK = {"segments.operations.reaper.LOOK_SECONDS": 1}
# Workers that take nothing hang after 5 s; or after longer than a busy machine takes to start them.
QUICK_GRACE, LONG_GRACE = 1, 120
# The cluster, its sentinel, worker, monitor and pusher, and the reaper.
ALL = 6
QA = b"question,answer\nHow do I reset it?,Hold the button.\n"


class Workers:
    """The processes under `run_workers`."""

    def __init__(self, supervisor: psutil.Process, log: Path) -> None:
        self.supervisor, self.log = supervisor, log

    @property
    def cluster(self) -> psutil.Process:
        """The main process of django-q2."""
        return self._child("qcluster")

    @property
    def reaper(self) -> psutil.Process:
        return self._child("import_reaper")

    @property
    def sentinel(self) -> psutil.Process:
        return self.cluster.children()[0]

    @property
    def worker(self) -> psutil.Process:
        """The one worker: the sentinel starts its workers first, then monitor and pusher."""
        return min(self.sentinel.children(), key=lambda child: child.pid)

    def are_up(self) -> bool:
        """Whether a worker has taken a task."""
        return heartbeats.age_of_any_worker() is not None

    def are_all_there(self) -> bool:
        """Whether all of it runs."""
        return len(self.supervisor.children(recursive=True)) == ALL

    def _child(self, command: str) -> psutil.Process:
        return next(each for each in self.supervisor.children() if command in each.cmdline())


@contextmanager
def run_workers(folder: Path, grace: int = LONG_GRACE) -> Iterator[Workers]:
    log = folder / "workers.log"
    constants = {**QUICK_LOOK, "segments.operations.reaper.STALL_GRACE_SECONDS": grace}
    environment = {**QUICK, **with_constants(constants)}
    with running("manage.py", "run_workers", log=log, environment=environment) as process:
        workers = Workers(psutil.Process(process.pid), log)
        wait_until(workers.are_up)
        yield workers


def import_one(document: Document) -> None:
    """It goes through, sooner or later."""
    job = imports.start_import(document, BytesIO(QA), "rows.csv", source=ImportSource.API)
    wait_until(lambda: ImportJob.objects.get(pk=job.pk).is_final)
    job.refresh_from_db()
    assert job.status == ImportStatus.COMPLETED, job.error


def is_gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def all_gone(processes: list[psutil.Process]) -> bool:
    return all(is_gone(each) for each in processes)


def test_what_is_killed_is_started_again_and_nothing_outlives_its_end(
    tmp_path: Path, document: Document
) -> None:
    with run_workers(tmp_path) as workers:
        import_one(document)
        for name in ("reaper", "sentinel", "cluster"):
            wait_until(workers.are_all_there)
            killed: psutil.Process = getattr(workers, name)
            left = [killed, *killed.children(recursive=True)]
            killed.kill()
            wait_until(partial(all_gone, left))
        import_one(document)
        everything = workers.supervisor.children(recursive=True)

    assert all_gone(everything)


@pytest.mark.parametrize("killed", ["supervisor", "cluster"])
def test_nothing_runs_on_unseen(tmp_path: Path, document: Document, killed: str) -> None:
    """Where nobody else sees to it: no supervisor for the cluster, nothing for the supervisor."""
    with run_workers(tmp_path) as workers:
        import_one(document)
        wait_until(workers.are_all_there)
        cluster = workers.cluster
        left = [cluster, *cluster.children(recursive=True)]
        workers.supervisor.suspend()  # it would see to it

        getattr(workers, killed).kill()

        wait_until(partial(all_gone, left))
        with suppress(psutil.NoSuchProcess):
            workers.supervisor.resume()


def test_a_cluster_whose_idle_worker_is_killed_is_started_anew(
    tmp_path: Path, document: Document
) -> None:
    """Django-q2 by itself starts another worker, which never gets a task."""
    with run_workers(tmp_path) as workers:
        before = workers.cluster
        workers.worker.kill()

        wait_until(partial(is_gone, before))
        import_one(document)

        said = workers.log.read_text()
        assert "killed while it held a queue" in said
        assert "The worker cluster hangs" not in said, "nobody had to wait for the watchdog"


def test_a_cluster_whose_workers_take_nothing_is_started_anew(
    tmp_path: Path, document: Document
) -> None:
    """An idle worker that is stopped holds up all others, as one that waits for a dead disk."""
    with run_workers(tmp_path, QUICK_GRACE) as workers:
        before = workers.cluster
        workers.worker.suspend()

        import_one(document)

        assert is_gone(before)
        assert "The worker cluster hangs: work has waited for" in workers.log.read_text()
