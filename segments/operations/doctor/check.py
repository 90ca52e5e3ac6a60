"""What a check is, and what it says."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

REPAIR = "Run: manage.py doctor --repair"


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong, and what to do about it.

    One that `can_wait` is worth knowing, and no reason to call the installation unwell.
    """

    text: str
    remedy: str
    can_wait: bool = False


class Check:
    """Looks at one thing.

    `name` is for machines and never changes. One that `needs_tables` does not look while the
    database or its migrations are not well: it would only say so again.
    """

    name: ClassVar[str]
    needs_tables: ClassVar[bool] = True
    can_repair: ClassVar[bool] = False

    def look(self) -> Iterable[Problem]:
        """What is wrong; nothing is changed."""
        raise NotImplementedError

    def summary(self) -> str:
        """What was looked at, in a few words; asked after a look that found nothing."""
        return ""

    def repair(self) -> Iterable[str]:
        """Repair what can be repaired without a loss, and report it, one sentence each."""
        return ()
