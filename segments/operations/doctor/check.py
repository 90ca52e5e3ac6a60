"""The base class of all checks, and what they report."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

REPAIR = "Run: manage.py doctor --repair"


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong, and how to fix it.

    A problem that `can_wait` is worth knowing, but does not make the installation unhealthy.
    """

    text: str
    remedy: str
    can_wait: bool = False


class Check(ABC):
    """Checks one thing.

    `name` is for machines and never changes. A check that `needs_tables` is skipped while the
    database or its migrations have problems: it would only report them again.
    """

    name: ClassVar[str]
    needs_tables: ClassVar[bool] = True
    can_repair: ClassVar[bool] = False

    @abstractmethod
    def look(self) -> Iterable[Problem]:
        """The problems; changes nothing."""

    def summary(self) -> str:
        """What was checked, in a few words; called after a look that found no problem."""
        return ""

    def repair(self) -> Iterable[str]:
        """Repair what can be repaired without a loss, and report it, one sentence each."""
        return ()
