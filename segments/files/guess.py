"""Guesses what the columns of a table are where their names do not say it, from its first rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from segments.files.header import is_like_header
from segments.files.names import (
    ERROR_COLUMN,
    WEAK_NAMES,
    folded,
    part_named,
    part_resembled,
)
from segments.files.types import RawRow

QUESTION_ENDS = ("?", "？", "؟", "\u037e", "՞", "ですか", "ますか", "か。")
QUESTION_SHARE = 0.5
FILLED_SHARE = 0.5
# Columns of shorter texts are names, numbers or marks, and no answers or passages.
ANSWER_CHARS = 8
# Where one of question and answer goes by its name, the other is expected to do so, too.
PARTNER_CHARS = 30
ONLY_COLUMN_CHARS = 20
PASSAGE_CHARS = 40
# A passage is so many times as long as what stands beside it.
LONGER = 3


@dataclass(frozen=True, slots=True)
class Table:
    """A header, and the first rows under it."""

    header: Sequence[str]
    sample: Sequence[RawRow] = ()

    def texts(self, place: int) -> list[str]:
        """What the rows have in a column, without empty cells."""
        cells = (row.cells[place].strip() for row in self.sample if place < len(row.cells))
        return [cell for cell in cells if cell]

    def chars(self, place: int) -> float:
        """How long the texts of a column are on average; 0 if most are empty."""
        texts = self.texts(place)
        is_filled = len(texts) >= max(1, FILLED_SHARE * len(self.sample))
        return fmean(map(len, texts)) if is_filled else 0.0

    def asks(self, place: int) -> float:
        """How many of the texts of a column are questions, as a share."""
        texts = self.texts(place)
        return sum(text.endswith(QUESTION_ENDS) for text in texts) / len(texts) if texts else 0.0

    @property
    def has_names(self) -> bool:
        """Whether the header looks like one, and not like a row."""
        return is_like_header(RawRow(0, tuple(self.header)))


def resembling(header: Sequence[str], free: Sequence[int], part: str) -> int | None:
    """The column whose name is nearly one of `part`, content or answer, if exactly one is."""
    weak = [place for place in free if part == "content" and folded(header[place]) in WEAK_NAMES]
    if weak:
        return weak[0] if len(weak) == 1 else None
    near = [place for place in free if part_resembled(header[place]) == part]
    return near[0] if len(near) == 1 else None


def asking(table: Table, free: Sequence[int]) -> int | None:
    """The column that holds questions, by their marks."""
    asking = [place for place in free if table.asks(place) >= QUESTION_SHARE]
    return max(asking, key=table.asks, default=None) if table.has_names else None


def answering(table: Table, free: Sequence[int], least: int = ANSWER_CHARS) -> int | None:
    """The column with the longest texts, if they have `least` characters on average."""
    if not table.has_names:
        return None
    best = max(free, key=table.chars, default=None)
    return best if best is not None and table.chars(best) >= least else None


def passage(table: Table, free: Sequence[int]) -> int | None:
    """The column that is much longer than the others, or the only one if it holds texts."""
    if not table.has_names or not free:
        return None
    best, *others = sorted(free, key=table.chars, reverse=True)
    if not others:
        return best if table.chars(best) >= ONLY_COLUMN_CHARS else None
    next_best = table.chars(others[0])
    return best if table.chars(best) >= max(PASSAGE_CHARS, LONGER * next_best) else None


def things(table: Table, free: Sequence[int]) -> list[int]:
    """The columns of a table of things, whose rows become passages; none if it is none."""
    named = [place for place in free if table.header[place].strip()]
    is_table = table.has_names and table.sample and len(named) > 1
    return named if is_table and any(table.texts(place) for place in named) else []


def holds_answers(header: Sequence[str], sample: Sequence[RawRow]) -> bool:
    """Whether a table is one of questions and answers, by its names or else by its rows."""
    table = Table(header, sample)
    exact = [part_named(name) for name in header]
    if "answer" in exact:
        return True
    free = [place for place, part in enumerate(exact) if part is None and header[place].strip()]
    if resembling(header, free, "answer") is not None:
        return "content" in exact or resembling(header, free, "content") is not None
    if "content" in exact:
        return False
    question = asking(table, free)
    others = [place for place in free if place != question]
    return question is not None and answering(table, others) is not None


def free_places(header: Sequence[str], taken: set[int]) -> list[int]:
    """The columns with a name that are no part yet, nor what a report has added."""
    return [
        place
        for place, name in enumerate(header)
        if name.strip() and place not in taken and folded(name) != ERROR_COLUMN
    ]
