"""PDF ─► blocks: paragraphs and headings put together again from lines, with their pages.

pypdfium2 (PDFium, Chrome's engine): reads what people can read, repairs most damage, needs 3 ms
a page and holds one page at a time. pypdf takes 40 times as long and drops spaces that are only
gaps, pdfminer.six longer still. A page says where letters stand and no more; what is a heading
or a running title is told from sizes and repetition, on a sample of the pages first.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from ctypes import byref, create_string_buffer
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, BinaryIO, NamedTuple

import pypdfium2
import pypdfium2.raw as pdfium

from segments.files.documents.blocks import Block, Blocks, Unreadable, heading

SAMPLED_PAGES = 60
# Lines that may be a running title: so many at either end of the page, on so many of its pages.
MARGIN, EDGE_LINES, RUNNING_SHARE, RUNNING_PAGES = 0.12, 3, 0.5, 3
# No page that people read has more letters; what does is made to do harm.
MAX_PAGE_CHARS = 500_000
HEADING_SIZE, HEADING_CHARS, BOLD = 1.12, 160, 600
# Between lines of a paragraph there is less white space than this, in heights of a letter.
PARAGRAPH_GAP = 0.55
# A line that ends this far before the others, and a sentence with it, ends a paragraph.
SHORT_LINE = 0.85
DIGITS = re.compile(r"\d+")
SENTENCE_END = re.compile(r"[.!?:;…。！？：；؟]['\"”’»)\]]*$")
BULLET = re.compile(r"(?:[•‣◦▪▸●○■□–*·]|\(?\d{1,3}[.)]|[a-z]\))\s")
# Dots that lead to the number of a page, as in a table of contents.
LEADERS = re.compile(r"(?:\.\s?){4,}")
PAGE_NUMBER = re.compile(r"[-–—\s]*(?:#|[ivxlc]{1,6})[-–—\s]*$")
HYPHEN_MARKS = "\x02\ufffe\u00ad"
BROKEN_WORD = re.compile(r"[^\W\d_]-$")
# Scripts that write words without spaces between them.
UNSPACED = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef]"
)
RIGHT_TO_LEFT = re.compile(r"[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
# Latin words and numbers in a line from right to left.
LEFT_TO_RIGHT = re.compile(r"[A-Za-z\u00c0-\u024f0-9][A-Za-z\u00c0-\u024f0-9.,:/%+-]*(?<=[\w%])")
CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
SPACES = re.compile(r"\s+")
PROTECTED = "{name} is protected by a password. Save it without one and import it again."
DAMAGED = (
    "{name} is a damaged PDF: no page of it can be read. Open it in a browser, print it to a new "
    "PDF and import that."
)
NO_TEXT = (
    "{name} has no text, only pictures of its pages (%s). Run text recognition (OCR) on it first, "
    "for example with OCRmyPDF or your scanner's program, and import the result."
)


class TextLine(NamedTuple):
    """A line of a page: its text, the height of its letters, and where it stands in points.

    A margin is the outer part of the page, at the top or at the foot.
    """

    text: str
    size: float
    is_bold: bool
    left: float
    right: float
    top: float
    bottom: float
    is_in_margin: bool

    @property
    def key(self) -> str:
        """The same for the same running title on every page."""
        return DIGITS.sub("#", SPACES.sub(" ", self.text)).strip().lower()


@dataclass(frozen=True, slots=True)
class Look:
    """What the pages of a document have in common."""

    body_size: float = 0.0
    heading_sizes: tuple[float, ...] = ()
    running: frozenset[str] = frozenset()

    def level(self, line: TextLine) -> int:
        """Of which level a line would be as a heading, by its letters alone; 0 of none."""
        if line.size < self.body_size * HEADING_SIZE:
            return len(self.heading_sizes) + 1 if line.is_bold else 0
        larger = [size for size in self.heading_sizes if size > line.size + 0.5]
        return len(larger) + 1


def blocks(source: BinaryIO, encoding: str) -> Blocks:
    """The blocks of a PDF, page by page."""
    document = _opened(source)
    count = len(document)
    if not count:
        raise Unreadable("file_empty", "{name} has no pages.")
    look = _look(document)
    silent: list[int] = []
    broken: list[int] = []
    for number in range(count):
        lines = _lines(document, number)
        if lines is None:
            broken.append(number + 1)
        elif not lines:
            silent.append(number + 1)
        else:
            yield from _page_blocks(lines, look, number + 1, (number + 1) / count)
    if len(broken) == count:
        raise Unreadable("file_damaged", DAMAGED)
    if len(silent) + len(broken) == count:
        raise Unreadable("file_empty", NO_TEXT % f"{count:,} page{'s' * (count > 1)}")
    if silent:
        yield f"No text is on {_listed(silent)}: if there are pictures of text, run OCR first."
    if broken:
        yield f"{_listed(broken)[:1].upper()}{_listed(broken)[1:]} could not be read: damaged."


def _opened(source: BinaryIO) -> Any:
    try:
        document = pypdfium2.PdfDocument(source)
        len(document)
    except pypdfium2.PdfiumError as error:
        if getattr(error, "err_code", None) == pdfium.FPDF_ERR_PASSWORD or "assword" in str(error):
            raise Unreadable("file_protected", PROTECTED) from error
        if getattr(error, "err_code", None) == pdfium.FPDF_ERR_SECURITY:
            raise Unreadable("file_protected", PROTECTED) from error
        raise Unreadable("file_damaged", DAMAGED) from error
    return document


def _listed(pages: list[int]) -> str:
    """Pages as people list them: page 3, or pages 1–4, 9."""
    ranges: list[list[int]] = []
    for page in pages:
        if ranges and page == ranges[-1][1] + 1:
            ranges[-1][1] = page
        else:
            ranges.append([page, page])
    shown = [f"{first}–{last}" if last > first else f"{first}" for first, last in ranges[:20]]
    more = ", …" if len(ranges) > len(shown) else ""
    return f"page{'s' * (len(pages) > 1)} {', '.join(shown)}{more}"


# --- the lines of a page ----------------------------------------------------------------------


def _lines(document: Any, number: int) -> list[TextLine] | None:
    """The lines of a page that are not blank; None for a page that is damaged."""
    try:
        page = document[number]
        text = page.get_textpage()
    except pypdfium2.PdfiumError:
        return None
    try:
        count = min(text.count_chars(), MAX_PAGE_CHARS)
        height = page.get_height()
        return [line for line in _split(text.raw, count, height) if line.text.strip()]
    finally:
        text.close()
        page.close()


def _split(page: Any, count: int, height: float) -> Iterator[TextLine]:
    codes = [pdfium.FPDFText_GetUnicode(page, place) for place in range(count)]
    start = 0
    for place, code in enumerate([*codes, 10]):
        if code not in (10, 13):
            continue
        if start < place and (line := _line(page, codes, start, place, height)):
            yield line
        start = place + 1


def _line(page: Any, codes: list[int], start: int, end: int, height: float) -> TextLine | None:
    inked = [place for place in range(start, end) if codes[place] > 32 and codes[place] != 0xA0]
    if not inked:
        return None
    first, last = _box(page, inked[0]), _box(page, inked[-1])
    middle = _box(page, inked[len(inked) // 2])
    return TextLine(
        _text(_in_reading_order(page, codes, start, end)),
        middle.top - middle.bottom,
        all(_is_bold(page, place) for place in (inked[0], inked[len(inked) // 2], inked[-1])),
        min(first.left, last.left),
        max(first.right, last.right),
        max(first.top, middle.top),
        min(first.bottom, middle.bottom),
        not MARGIN * height < (middle.top + middle.bottom) / 2 < (1 - MARGIN) * height,
    )


def _in_reading_order(page: Any, codes: list[int], start: int, end: int) -> list[int]:
    """The characters of a line; written from right to left, they are ordered by where they stand.

    PDFium turns round some words of such lines and not others.
    """
    text = "".join(map(chr, codes[start:end]))
    if not RIGHT_TO_LEFT.search(text):
        return codes[start:end]
    boxes = {place: _box(page, place) for place in range(start, end)}
    placed = sorted(boxes, key=lambda place: -boxes[place].right)
    ordered = "".join(chr(codes[place]) for place in placed)
    return [ord(letter) for letter in LEFT_TO_RIGHT.sub(lambda run: run[0][::-1], ordered)]


def _text(codes: list[int]) -> str:
    """The characters of code units, halves of pairs put together."""
    units = "".join(map(chr, codes))
    joined = units.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    kept = "".join(" " if letter == "\t" else letter for letter in joined)
    return CONTROLS.sub(lambda found: found[0] if found[0] in HYPHEN_MARKS else "", kept)


def _box(page: Any, place: int) -> Any:
    box = pdfium.FS_RECTF()
    pdfium.FPDFText_GetLooseCharBox(page, place, byref(box))
    return box


def _is_bold(page: Any, place: int) -> bool:
    if pdfium.FPDFText_GetFontWeight(page, place) >= BOLD:
        return True
    length = pdfium.FPDFText_GetFontInfo(page, place, None, 0, None)
    if not 0 < length < 1000:
        return False
    buffer = create_string_buffer(length)
    pdfium.FPDFText_GetFontInfo(page, place, buffer, length, None)
    return b"bold" in buffer.value.lower()


# --- what pages have in common ----------------------------------------------------------------


def _look(document: Any) -> Look:
    """The size of most letters, the larger ones, and the titles that run along, by some pages."""
    step = max(len(document) / SAMPLED_PAGES, 1.0)
    chosen = sorted({int(place * step) for place in range(min(len(document), SAMPLED_PAGES))})
    pages = [lines for number in chosen if (lines := _lines(document, number))]
    sizes = Counter[float]()
    edges = Counter[str]()
    for lines in pages:
        for line in lines:
            sizes[_rounded(line.size)] += len(line.text)
        edges.update({line.key for line in _at_edges(lines)})
    least = max(RUNNING_PAGES, RUNNING_SHARE * len(pages))
    body = max(sizes, key=lambda size: sizes[size], default=0.0)
    larger = sorted((size for size in sizes if size >= body * HEADING_SIZE), reverse=True)
    running = frozenset(key for key, seen in edges.items() if seen >= least)
    return Look(body, _merged(larger)[:4], running)


def _rounded(size: float) -> float:
    return round(size * 2) / 2


def _merged(sizes: Sequence[float]) -> tuple[float, ...]:
    """Sizes, largest first, without those that hardly differ from the one before."""
    kept: list[float] = []
    for size in sizes:
        if not kept or kept[-1] - size > 0.75:
            kept.append(size)
    return tuple(kept)


def _at_edges(lines: Sequence[TextLine]) -> list[TextLine]:
    """The lines at the top and at the foot of a page, wherever they stand in the file."""
    placed = sorted(lines, key=lambda line: -line.top)
    return [line for line in placed[:EDGE_LINES] + placed[-EDGE_LINES:] if line.is_in_margin]


# --- lines to paragraphs ----------------------------------------------------------------------


def _page_blocks(lines: Sequence[TextLine], look: Look, page: int, share: float) -> Iterator[Block]:
    titles = {
        line for line in _at_edges(lines) if line.key in look.running or PAGE_NUMBER.match(line.key)
    }
    kept = [line for line in lines if line not in titles]
    for group in _paragraphs(kept or lines):
        text = _joined([line.text for line in group])
        level = _heading_level(group, text, look)
        yield heading(level, text, page, share) if level else Block(text, page=page, share=share)


def _heading_level(group: Sequence[TextLine], text: str, look: Look) -> int:
    """Of which level a paragraph is as a heading; 0 if it is none."""
    is_short = len(text) <= HEADING_CHARS and len(group) <= 3
    if not is_short or LEADERS.search(text) or not any(map(str.isalpha, text)):
        return 0
    levels = {look.level(line) for line in group}
    is_only_bold = max(levels) > len(look.heading_sizes)
    if 0 in levels or (is_only_bold and (SENTENCE_END.search(text) or BULLET.match(text))):
        return 0
    return min(levels)


def _paragraphs(lines: Sequence[TextLine]) -> Iterator[list[TextLine]]:
    if not lines:
        return
    group = [lines[0]]
    right = max(line.right for line in lines)
    for before, line in pairwise(lines):
        if _begins_paragraph(before, line, right):
            yield group
            group = []
        group.append(line)
    yield group


def _begins_paragraph(before: TextLine, line: TextLine, right: float) -> bool:
    size = max(before.size, line.size, 1.0)
    if abs(before.size - line.size) > 0.1 * size or before.is_bold != line.is_bold:
        return True
    if BULLET.match(line.text):
        return True
    ends = bool(SENTENCE_END.search(before.text.rstrip()))
    if line.top > before.top + size:  # the next column
        return ends
    if before.bottom - line.top > PARAGRAPH_GAP * size:
        return True
    is_indented = line.left > before.left + size and not RIGHT_TO_LEFT.search(line.text)
    return ends and (is_indented or before.right < SHORT_LINE * right)


def _joined(lines: Sequence[str]) -> str:
    """The lines of a paragraph as one, words put together that were cut at line ends."""
    text = ""
    for line in lines:
        text = _continued(text, SPACES.sub(" ", line).strip())
    return "".join(letter for letter in text if letter not in HYPHEN_MARKS)


def _continued(text: str, line: str) -> str:
    if not text or text[-1] in HYPHEN_MARKS:
        return text + line
    if BROKEN_WORD.search(text) and line[:1].islower():
        return text[:-1] + line
    is_unspaced = UNSPACED.match(text[-1]) and UNSPACED.match(line[:1])
    return text + line if is_unspaced else f"{text} {line}"
