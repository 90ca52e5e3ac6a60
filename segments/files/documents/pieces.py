"""Blocks of a document ─► pieces: cut within limits, with their pages and headings."""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from segments.exceptions import FileTooLarge
from segments.files.documents.blocks import Block
from segments.files.splitting import Measure, Span, SplitRule, cleaned, parts_of, spans, without

# So much of a document is cut at once, a little less where a chapter ends there.
CHAPTER_CHARS, PORTION_CHARS = 50_000, 200_000
CHAPTER_LEVEL = 2
BETWEEN = "\n\n"
MARKS = re.compile(r"^#{1,6}\s+|\s+#+$")
HEADING_CHARS = 200
# Longer answers help nobody, and a cell has no more either.
WHOLE_CHARS = 100_000


class Piece(NamedTuple):
    """A row of a document: its text, what is known of its place, and how far the file is read.

    `metadata` has `page`, and `last_page` if the piece reaches beyond it, and `heading`: the
    headings that the piece stands under, outermost first.
    """

    text: str
    metadata: dict[str, str | int]
    share: float


class _Placed(NamedTuple):
    """A block with the headings it stands under."""

    block: Block
    path: str


def pieces(blocks: Iterable[Block], rule: SplitRule, measure: Measure) -> Iterator[Piece]:
    """The pieces of a document in their order; none has more tokens than the rule or model allow.

    Together they are the whole text, but for white space around them, separators, and what
    the rule removes.
    """
    rule = rule.within(measure.limit)
    for portion in _portions(_placed(blocks)):
        yield from _Portion(portion, rule).pieces(measure)


def whole(blocks: Iterable[Block], rule: SplitRule, name: str) -> Iterator[Piece]:
    """The whole document as one piece, whatever its length.

    Raises:
        FileTooLarge: it is too long to be one answer.
    """
    texts: list[str] = []
    for block in blocks:
        texts.append(_cleaned(block, rule))
        if sum(map(len, texts)) > WHOLE_CHARS:
            raise FileTooLarge(
                f"{name} has more than {WHOLE_CHARS:,} characters, too many for one passage. Use "
                "parent_mode paragraph."
            )
    if text := BETWEEN.join(texts).strip():
        yield Piece(text, {}, 1.0)


def _placed(blocks: Iterable[Block]) -> Iterator[_Placed]:
    path: list[tuple[int, str]] = []
    for block in blocks:
        if block.level:
            title = MARKS.sub("", block.text.strip())[:HEADING_CHARS]
            path = [*(known for known in path if known[0] < block.level), (block.level, title)]
        yield _Placed(block, " > ".join(title for _, title in path))


def _portions(placed: Iterable[_Placed]) -> Iterator[list[_Placed]]:
    portion: list[_Placed] = []
    chars = 0
    for each in placed:
        begins_chapter = 0 < each.block.level <= CHAPTER_LEVEL and chars >= CHAPTER_CHARS
        if portion and (begins_chapter or chars + len(each.block.text) > PORTION_CHARS):
            yield portion
            portion, chars = [], 0
        portion.append(each)
        chars += len(each.block.text)
    if portion:
        yield portion


class _Portion:
    """Some blocks as one text, and where each begins in it."""

    def __init__(self, placed: list[_Placed], rule: SplitRule) -> None:
        self._rule = rule
        self._placed = placed
        self._starts: list[int] = []
        texts: list[str] = []
        start = 0
        for each in placed:
            text = _cleaned(each.block, rule)
            self._starts.append(start)
            texts.append(text)
            start += len(text) + len(BETWEEN)
        self._text = BETWEEN.join(texts)

    def pieces(self, measure: Measure) -> Iterator[Piece]:
        for part in parts_of(self._text, self._rule):
            text = self._text[part.start : part.end]
            for start, end in spans(text, self._rule, measure.count):
                if piece := text[start:end].strip():
                    yield self._piece(piece, Span(part.start + start, part.start + end))

    def _piece(self, text: str, span: Span) -> Piece:
        blank = len(self._text[span.start : span.end]) - len(
            self._text[span.start : span.end].lstrip()
        )
        first, last = self._at(span.start + blank), self._at(span.start + blank + len(text) - 1)
        metadata: dict[str, str | int] = {}
        if first.block.page:
            metadata["page"] = first.block.page
        if last.block.page > first.block.page:
            metadata["last_page"] = last.block.page
        if first.path:
            metadata["heading"] = first.path
        return Piece(text, metadata, last.block.share)

    def _at(self, place: int) -> _Placed:
        return self._placed[bisect_right(self._starts, place) - 1]


def _cleaned(block: Block, rule: SplitRule) -> str:
    return cleaned(block.text, without(rule) if block.is_verbatim else rule)
