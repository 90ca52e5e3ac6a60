"""Text ─split─► pieces: cut at the best places, none over the limit, nothing lost.

By hand: the splitters of the well-known libraries count characters, cut off headings from their
text, or bring a framework along; this is their recursive method on spans of one text.
"""

import itertools
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

LEAST_TOKENS, MOST_TOKENS = 50, 4_000
SEPARATOR_CHARS = 255
# So many characters are never asked for their tokens; a segment must not have more anyway.
PIECE_CHARS = 50_000
# Of UTF-8 in a character; and tokens that a model adds to every text.
MOST_BYTES, MARKS = 4, 8
# Where a text is cut, the best places first; what stands there stays with the text before.
CUTS = (
    re.compile(r"\n(?:[^\S\n]*\n)+"),
    re.compile(r"(?:[^\S\n]*\n)+"),
    re.compile(r"(?<=[.!?…])\s+|(?<=[。！？؟])"),
    re.compile(r"(?<=[;:,，、；：])"),
    re.compile(r"\s"),
)
# All texts are cut up to this of them; the places after it are for sentences that are too long.
SENTENCES = 2
GOOD_ENDS = (re.compile(r"\n\s*\n\s*$"), re.compile(r"\n\s*$"))
HEADING = re.compile(r"\s*#{1,6}\s")
EXTRA_LINES, EXTRA_SPACES = re.compile(r"\n{3,}"), re.compile(r"[^\S\n]{2,}")
ADDRESSES = re.compile(r"https?://[^\s)>\]]+|[\w.+-]+@[\w-]+(?:\.[\w-]+)+")

Count = Callable[[str], int]
"""How many tokens a text has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitRule:
    """How a text is cut; the defaults are those of the mode automatic.

    With a `separator` every part between two of them is a piece, or several if it is too long;
    the separators themselves are dropped. Without, pieces are as long as they may be. Pieces of
    one part repeat up to `overlap` tokens of the one before.
    """

    max_tokens: int = 500
    overlap: int = 50
    separator: str = ""
    remove_extra_spaces: bool = True
    remove_addresses: bool = False

    def within(self, limit: int) -> "SplitRule":
        """The same rule for a model that takes `limit` tokens."""
        most = min(self.max_tokens, limit)
        return replace(self, max_tokens=most, overlap=min(self.overlap, most - 1))


@dataclass(frozen=True, slots=True)
class Measure:
    """How a model counts tokens, and how many it takes; characters, where there is no model."""

    count: Count = len
    limit: int = MOST_TOKENS


CHARACTERS = Measure()


class Span(NamedTuple):
    """A part of a text: from `start` up to `end`."""

    start: int
    end: int


def split(text: str, rule: SplitRule, count: Count) -> list[str]:
    """The pieces of `text` in their order, without white space around them.

    `rule.max_tokens` holds for each as `count` counts it; `count` must not find fewer tokens in
    a text than in a part of it by much, and at most `rule.max_tokens` in one character.
    """
    text = cleaned(text, rule)
    parts = [text[part.start : part.end] for part in parts_of(text, rule)]
    return [
        piece
        for part in parts
        for span in spans(part, rule, count)
        if (piece := part[span.start : span.end].strip())
    ]


def parts_of(text: str, rule: SplitRule) -> Iterator[Span]:
    """Where the parts between two separators are; the whole text without one."""
    start = 0
    while rule.separator and (end := text.find(rule.separator, start)) >= 0:
        yield Span(start, end)
        start = end + len(rule.separator)
    yield Span(start, len(text))


def without(rule: SplitRule) -> SplitRule:
    """The same rule for a text whose white space means something."""
    return replace(rule, remove_extra_spaces=False)


def cleaned(text: str, rule: SplitRule) -> str:
    """`text` with line ends as Unix has them, and without what the rule removes."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if rule.remove_extra_spaces:
        text = EXTRA_SPACES.sub(" ", EXTRA_LINES.sub("\n\n", text))
    return ADDRESSES.sub("", text) if rule.remove_addresses else text


def spans(text: str, rule: SplitRule, count: Count) -> list[Span]:
    """Where the pieces of `text` are: together all of it, each beginning in the one before."""
    room = _Room(text, rule, count)
    atoms = _atoms(room, Span(0, len(text)), 0)
    found: list[Span] = []
    first = new = 0
    while new < len(atoms):
        last = _last_that_fits(room, atoms, first, new)
        found.append(Span(atoms[first].start, atoms[last].end))
        new = last + 1
        if new < len(atoms):
            first = _first_repeated(room, atoms, first, new)
    return found


@dataclass(frozen=True, slots=True)
class _Room:
    """What fits into a piece of the text, and into what it repeats."""

    text: str
    rule: SplitRule
    count: Count

    def tokens(self, start: int, end: int) -> int:
        """The tokens of the piece from `start` up to `end`; too many to count are just many."""
        piece = self.text[start:end].strip()
        if len(piece) > PIECE_CHARS:
            return max(self.rule.max_tokens, self.rule.overlap) + len(piece)
        return self.count(piece)

    def fits(self, start: int, end: int) -> bool:
        """Whether they are within the limit; a token has a byte at least, so short ones are."""
        if (end - start) * MOST_BYTES + MARKS <= self.rule.max_tokens:
            return True
        return self.tokens(start, end) <= self.rule.max_tokens


def _atoms(room: _Room, span: Span, level: int) -> list[Span]:
    """`span` in sentences, or smaller parts where one does not fit."""
    if span.start == span.end:
        return []
    if level == len(CUTS):
        return _slices(room, span)
    found: list[Span] = []
    for part in _cut(room.text, span, CUTS[level]):
        is_small = level >= SENTENCES and room.fits(*part)
        found += [part] if is_small else _atoms(room, part, level + 1)
    return found


def _cut(text: str, span: Span, where: re.Pattern[str]) -> list[Span]:
    ends = [match.end() for match in where.finditer(text, span.start, span.end)]
    borders = sorted({span.start, *ends, span.end})
    return [Span(*pair) for pair in itertools.pairwise(borders)]


def _slices(room: _Room, span: Span) -> list[Span]:
    """A word that is too long, in as large parts as fit."""
    found: list[Span] = []
    start = span.start
    while start < span.end:
        end = _bisected(span.end, start + 1, partial(room.fits, start))
        found.append(Span(start, end))
        start = end
    return found


def _bisected(most: int, least: int, fits: Callable[[int], bool]) -> int:
    """The largest number from `least` to `most` that fits; `least` if none does."""
    candidates = range(least, most + 1)
    place = bisect_right(candidates, False, key=lambda number: not fits(number))
    number = candidates[max(place - 1, 0)]
    while number > least and not fits(number):
        number -= 1
    return number


def _last_that_fits(room: _Room, atoms: Sequence[Span], first: int, new: int) -> int:
    """The last atom of the piece that begins with `first` and has `new` at least.

    The piece rather ends before a heading, or with a paragraph or a line, if that leaves it half
    as long as it could be, and not with a heading, which goes with what follows it.
    """
    start = atoms[first].start
    last = _last_within(room, atoms, start, new)
    if last == len(atoms) - 1:
        return last
    half = (start + atoms[last].end) // 2
    places = [place for place in range(last, new - 1, -1) if atoms[place].end > half]
    for place in places:
        if HEADING.match(room.text[slice(*atoms[place + 1])]):
            return place
    for end in GOOD_ENDS:
        for place in places:
            text = room.text[slice(*atoms[place])]
            if end.search(text) and not HEADING.match(text):
                return place
    return last


def _last_within(room: _Room, atoms: Sequence[Span], start: int, new: int) -> int:
    """The last atom, from `new` on, up to which a piece from `start` fits; looks near by first."""

    def fits(place: int) -> bool:
        return room.fits(start, atoms[place].end)

    reach, last = 1, len(atoms) - 1
    while new + reach < last and fits(new + reach):
        reach *= 2
    return _bisected(min(new + reach, last), new + reach // 2, fits)


def _first_repeated(room: _Room, atoms: Sequence[Span], first: int, new: int) -> int:
    """The first atom of the next piece: it repeats what the rule allows and leaves room for new.

    A piece that begins with a heading repeats nothing of what stands before.
    """
    if HEADING.match(room.text[slice(*atoms[new])]):
        return new
    end, place = atoms[new - 1].end, new
    while place - 1 > first and room.tokens(atoms[place - 1].start, end) <= room.rule.overlap:
        place -= 1
    while place < new and not room.fits(atoms[place].start, atoms[new].end):
        place += 1
    return place
