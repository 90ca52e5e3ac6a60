"""What a header must be before anybody asks what its columns mean."""

from collections import Counter
from collections.abc import Sequence

from segments.exceptions import HeaderRefused
from segments.importing.parts import folded
from segments.importing.types import shown


def refuse_unusable(header: Sequence[str], line: int) -> None:
    """Refuse names that cannot be stored, or stand twice.

    Raises:
        HeaderRefused: naming the line and the column.
    """
    _refuse_unprintable(header, line)
    _refuse_duplicates(header, line)


def listed(header: Sequence[str]) -> str:
    """The columns by name, as far as a message has room."""
    return ", ".join(f"“{name}”" for name in header[:20]) + (" …" if len(header) > 20 else "")


def _refuse_unprintable(header: Sequence[str], line: int) -> None:
    for name in header:
        if "\0" in name:
            raise HeaderRefused(
                f"Line {line}: the column name “{shown(name)}” has a NUL character in it. "
                "Remove it, or save the file as “CSV UTF-8” again."
            )


def _refuse_duplicates(header: Sequence[str], line: int) -> None:
    counts = Counter(folded(name) for name in header if name.strip())
    twice = [name for name, count in counts.items() if count > 1]
    if twice:
        raise HeaderRefused(
            f"Line {line}: the column “{twice[0]}” stands {counts[twice[0]]} times in the header. "
            "Remove or rename all but one."
        )
