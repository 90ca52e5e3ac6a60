"""Runs all checks; an error in one does not stop the others."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from django.db import Error, connection

from segments.operations.doctor.check import Check, Problem
from segments.operations.doctor.data import (
    CredentialsCheck,
    DocumentTotalsCheck,
    FilesCheck,
    LanguagesCheck,
    SearchedDocumentsCheck,
)
from segments.operations.doctor.installation import (
    BrokerCheck,
    CacheCheck,
    DatabaseCheck,
    MigrationsCheck,
    ReplicasCheck,
    SettingsCheck,
    VersionsCheck,
)
from segments.operations.doctor.work import HeartbeatsCheck, LeftoversCheck, StuckWorkCheck

# Each check comes after those it depends on.
CHECKS: tuple[type[Check], ...] = (
    VersionsCheck,
    SettingsCheck,
    DatabaseCheck,
    MigrationsCheck,
    ReplicasCheck,
    BrokerCheck,
    CacheCheck,
    CredentialsCheck,
    HeartbeatsCheck,
    StuckWorkCheck,
    LeftoversCheck,
    DocumentTotalsCheck,
    FilesCheck,
    LanguagesCheck,
    SearchedDocumentsCheck,
)
PROVIDE_TABLES = (DatabaseCheck, MigrationsCheck)
NO_TABLES = Problem("Not checked.", "Fix the database or its migrations first.")


@dataclass(frozen=True, slots=True)
class Finding:
    """The problems a check found, or its summary; and what `repair` did before that."""

    check: str
    problems: list[Problem]
    summary: str = ""
    repaired: list[str] | None = None

    @property
    def is_well(self) -> bool:
        """Whether there is nothing to do."""
        return all(problem.can_wait for problem in self.problems)


def examine(checks: Iterable[type[Check]] = CHECKS) -> Iterator[Finding]:
    """Run the checks; change nothing."""
    return _each(checks, _look)


def repair(checks: Iterable[type[Check]] = CHECKS) -> Iterator[Finding]:
    """As `examine`, after repairing what a check has found and can repair."""
    return _each(checks, _look_and_repair)


def _each(checks: Iterable[type[Check]], look: Callable[[Check], Finding]) -> Iterator[Finding]:
    have_tables = True
    for kind in checks:
        if kind.needs_tables and not have_tables:
            yield Finding(kind.name, [NO_TABLES])
            continue
        finding = look(kind())
        have_tables = have_tables and (finding.is_well or kind not in PROVIDE_TABLES)
        yield finding


def _look_and_repair(check: Check) -> Finding:
    found = _look(check)
    return _repaired(check, found) if found.problems and check.can_repair else found


def _look(check: Check) -> Finding:
    try:
        problems = list(check.look())
        return Finding(check.name, problems, "" if problems else check.summary())
    except Exception as trouble:  # noqa: BLE001  (a storage or a broker raises what it likes)
        return Finding(check.name, [_not_checked(trouble)])


def _repaired(check: Check, found: Finding) -> Finding:
    try:
        done = list(check.repair())
    except Exception as trouble:  # noqa: BLE001  (a storage or a broker raises what it likes)
        return Finding(check.name, [*found.problems, _not_checked(trouble)], repaired=[])
    after = _look(check)
    return Finding(check.name, after.problems, after.summary, repaired=done)


def _not_checked(trouble: Exception) -> Problem:
    if isinstance(trouble, Error):
        connection.close_if_unusable_or_obsolete()
    said = " ".join(str(trouble).split()) or type(trouble).__name__
    return Problem(f"This check failed: {said}", "Fix that first, then run the doctor again.")
