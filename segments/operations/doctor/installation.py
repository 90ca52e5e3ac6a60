"""Checks of the installation: database, broker, cache, settings, migrations, versions."""

import functools
import platform
import re
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from uuid import uuid4

from django.core.cache import cache
from django.core.checks import WARNING, run_checks
from django.db import connection
from packaging.requirements import InvalidRequirement, Requirement

from segments.conf import project_folder
from segments.db import replicas
from segments.db.errors import broker_errors
from segments.db.pgvector import extension_problem, installed_version, server_problem
from segments.jobs import queue
from segments.operations.doctor.check import Check, Problem
from segments.operations.health import missing_migrations

# The queue holds a message or two for each import with work: more than this is a problem.
MANY_MESSAGES = 10_000


class BrokerCheck(Check):
    """It answers, and its queue is no longer than the work explains."""

    name = "broker"

    def look(self) -> Iterator[Problem]:
        """A broker that does not answer, or a queue that workers do not empty."""
        try:
            messages = queue.messages_waiting() or 0
        except broker_errors() as trouble:
            yield Problem(
                f"It does not answer: {trouble}", "Check REDIS_URL and that its server is running."
            )
            return
        if messages > MANY_MESSAGES:
            yield Problem(
                f"{messages:,} messages wait in the queue.",
                "Check that enough workers are running (manage.py run_workers, SEGMILL_WORKERS).",
                can_wait=True,
            )

    def summary(self) -> str:
        """The queue, and its length where it is known."""
        return queue.describe()


KEY = "segmill_doctor"
SECONDS = 10
REMEDY = (
    "Check REDIS_URL and SEGMILL_CACHE_URL; without them, check the disk space and permissions of "
    "SEGMILL_HOME/cache."
)


class CacheCheck(Check):
    """It returns what was stored. Imports run without it; their pages are slower."""

    name = "cache"
    needs_tables = False

    def look(self) -> Iterator[Problem]:
        """A value that is not returned."""
        try:
            came_back = _comes_back(uuid4().hex)
        except Exception as trouble:  # noqa: BLE001  (every backend raises what it likes)
            yield Problem(f"It does not answer: {str(trouble) or type(trouble).__name__}", REMEDY)
        else:
            if not came_back:
                yield Problem("A stored value could not be read back.", REMEDY)

    def summary(self) -> str:
        """The kind of cache."""
        return type(cache._connections["default"]).__name__  # type: ignore[attr-defined]


def _comes_back(word: str) -> bool:
    cache.set(KEY, word, SECONDS)
    try:
        return bool(cache.get(KEY) == word)
    finally:
        cache.delete(KEY)


class DatabaseCheck(Check):
    """The server answers, and the server and pgvector are new enough."""

    name = "database"
    needs_tables = False

    def look(self) -> Iterator[Problem]:
        """What is too old or missing, each with its remedy."""
        with connection.cursor() as cursor:
            for problem in (server_problem(cursor), extension_problem(cursor)):
                if problem:
                    text, _, remedy = problem.partition(". ")
                    yield Problem(text, remedy or problem)
            if not installed_version(cursor):
                yield Problem(
                    "pgvector is not installed in the database.", "Run: manage.py migrate"
                )

    def summary(self) -> str:
        """The versions."""
        with connection.cursor() as cursor:
            cursor.execute("SHOW server_version")
            (server,) = cursor.fetchone()
            return f"PostgreSQL {server.split()[0]}, pgvector {installed_version(cursor)}"


class ReplicasCheck(Check):
    """Every replica follows the primary, and none is far behind."""

    name = "replicas"

    def look(self) -> Iterator[Problem]:
        """Those that do not answer or lag: searches go to the primary meanwhile."""
        for state in replicas.states():
            if state.trouble:
                yield Problem(
                    f"{state.alias}: {state.trouble}",
                    "Check SEGMILL_REPLICA_URLS and that its server is running and follows the "
                    "primary. Until then the primary answers instead.",
                    can_wait=True,
                )
            elif state.seconds_behind > FAR_BEHIND_SECONDS:
                yield Problem(
                    f"{state.alias} is {state.seconds_behind:.0f} s and {state.bytes_behind:,} "
                    "bytes of log behind.",
                    "See pg_stat_replication on the primary, and whether somebody paused the "
                    "replay (pg_wal_replay_resume() on the replica).",
                    can_wait=True,
                )

    def summary(self) -> str:
        """How many there are, and how far the last of them is behind."""
        states = replicas.states()
        if not states:
            return "none"
        return f"{len(states)}, at most {max(each.bytes_behind for each in states):,} bytes behind"


# Something is wrong with a replica that needs longer for what is written.
FAR_BEHIND_SECONDS = 60

LISTED = 5


class MigrationsCheck(Check):
    """Every migration of the code is applied.

    Not repaired: a migration may take long, and older processes may not know its tables.
    """

    name = "migrations"
    needs_tables = False

    def look(self) -> Iterator[Problem]:
        """The migrations that are not applied."""
        if missing := missing_migrations():
            more = " …" if len(missing) > LISTED else "."
            text = f"{len(missing)} are not applied: {', '.join(missing[:LISTED])}{more}"
            yield Problem(text, "Run: manage.py migrate")

    def summary(self) -> str:
        """That none is missing."""
        return "all applied"


class SettingsCheck(Check):
    """The messages of `manage.py check`."""

    name = "settings"
    needs_tables = False

    def look(self) -> Iterator[Problem]:
        """Each message that is a warning or worse."""
        for message in run_checks():
            if message.level >= WARNING and not message.is_silenced():
                text = f"{message.msg} ({message.id})"
                yield Problem(text, message.hint or "See manage.py check.")

    def summary(self) -> str:
        """That all settings are valid."""
        return "all can be used"


OLDEST_PYTHON = (3, 11)
PACKAGE = "segmill"
REINSTALL = {
    True: f"Run: pip install --upgrade {PACKAGE}",
    False: "Run: pip install -r requirements.txt",
}
COMMENT = re.compile(r"(^|\s)#.*")


class VersionsCheck(Check):
    """Python is new enough, and every required package has the required version."""

    name = "versions"
    needs_tables = False

    def look(self) -> Iterator[Problem]:
        """What is too old, missing, or another version."""
        if sys.version_info < OLDEST_PYTHON:
            yield Problem(
                f"This is Python {platform.python_version()}.", "Install Python 3.11 or newer."
            )
        for wanted in requirements():
            if trouble := _trouble(wanted):
                yield Problem(trouble, REINSTALL[is_packaged()])

    def summary(self) -> str:
        """Python's version and the number of packages."""
        return f"Python {platform.python_version()}, {len(requirements())} packages as required"


@functools.cache
def requirements() -> list[Requirement]:
    """The packages that Segmill needs: its package's own, or those of a checkout."""
    if is_packaged():
        wanted = [Requirement(line) for line in requires(PACKAGE) or ()]
        return [each for each in wanted if each.marker is None or each.marker.evaluate()]
    return list(_parsed(project_folder() / "requirements.txt"))


def is_packaged() -> bool:
    """Whether Segmill was installed by pip, into somebody's project, or is a checkout."""
    try:
        return version(PACKAGE) != ""
    except PackageNotFoundError:
        return False


def _parsed(path: Path) -> Iterator[Requirement]:
    for line in path.read_text().splitlines():
        text = COMMENT.sub("", line).strip()
        if text and not text.startswith("-"):
            try:
                yield Requirement(text)
            except InvalidRequirement as error:
                raise OSError(f"{path.name}: {error}") from error


def _trouble(wanted: Requirement) -> str:
    try:
        found = version(wanted.name)
    except PackageNotFoundError:
        return f"The package {wanted.name} is not installed."
    if wanted.specifier.contains(found, prereleases=True):
        return ""
    return f"The package {wanted.name} is {found}; {wanted.specifier} is required."
