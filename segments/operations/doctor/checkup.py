"""Runs all checks; one that fails does not keep the others from running."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from django.db import Error, connection

from segments.operations.doctor.check import Check, Problem
from segments.operations.doctor.data import (
    CredentialsCheck,
    DocumentTotalsCheck,
    FilesCheck,
    LanguagesCheck,
)
from segments.operations.doctor.installation import (
    BrokerCheck,
    CacheCheck,
    DatabaseCheck,
    MigrationsCheck,
    SettingsCheck,
    VersionsCheck,
)
from segments.operations.doctor.work import HeartbeatsCheck, LeftoversCheck, StuckWorkCheck

# In the order in which one needs the other.
CHECKS: tuple[type[Check], ...] = (
    VersionsCheck,
    SettingsCheck,
    DatabaseCheck,
    MigrationsCheck,
    BrokerCheck,
    CacheCheck,
    CredentialsCheck,
    HeartbeatsCheck,
    StuckWorkCheck,
    LeftoversCheck,
    DocumentTotalsCheck,
    FilesCheck,
    LanguagesCheck,
)
PROVIDE_TABLES = (DatabaseCheck, MigrationsCheck)
NO_TABLES = Problem("Not looked at.", "Mend the database or its migrations first.")


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check has found, or what is well; and what `repair` has done before that."""

    check: str
    problems: list[Problem]
    summary: str = ""
    repaired: list[str] | None = None

    @property
    def is_well(self) -> bool:
        """Whether nothing has to be done."""
        return all(problem.can_wait for problem in self.problems)


def examine(checks: Iterable[type[Check]] = CHECKS) -> Iterator[Finding]:
    """Look at everything; change nothing."""
    return _each(checks, _look)


def repair(checks: Iterable[type[Check]] = CHECKS) -> Iterator[Finding]:
    """As `examine`, after mending what a check has found and can mend."""
    return _each(checks, _look_and_mend)


def _each(checks: Iterable[type[Check]], look: Callable[[Check], Finding]) -> Iterator[Finding]:
    have_tables = True
    for kind in checks:
        if kind.needs_tables and not have_tables:
            yield Finding(kind.name, [NO_TABLES])
            continue
        finding = look(kind())
        have_tables = have_tables and (finding.is_well or kind not in PROVIDE_TABLES)
        yield finding


def _look_and_mend(check: Check) -> Finding:
    found = _look(check)
    return _mended(check, found) if found.problems and check.can_repair else found


def _look(check: Check) -> Finding:
    try:
        problems = list(check.look())
        return Finding(check.name, problems, "" if problems else check.summary())
    except Exception as trouble:  # noqa: BLE001  (a storage or a broker raises what it likes)
        return Finding(check.name, [_not_seen(trouble)])


def _mended(check: Check, found: Finding) -> Finding:
    try:
        done = list(check.repair())
    except Exception as trouble:  # noqa: BLE001  (a storage or a broker raises what it likes)
        return Finding(check.name, [*found.problems, _not_seen(trouble)], repaired=[])
    after = _look(check)
    return Finding(check.name, after.problems, after.summary, repaired=done)


def _not_seen(trouble: Exception) -> Problem:
    if isinstance(trouble, Error):
        connection.close_if_unusable_or_obsolete()
    said = " ".join(str(trouble).split()) or type(trouble).__name__
    return Problem(f"This could not be looked at: {said}", "Mend that first, then ask again.")
