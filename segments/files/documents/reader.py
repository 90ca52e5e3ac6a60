"""Opens documents as sheets of one text column: each piece of the text is a row."""

import io
import zipfile
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from pathlib import PurePath

from segments.exceptions import FileEmpty, OptionRefused
from segments.files.csv import is_table, text_of
from segments.files.detect import is_html, is_pdf
from segments.files.documents.blocks import Block
from segments.files.documents.conversion import TEXTS, converted
from segments.files.documents.pieces import PORTION_CHARS, Piece, pieces, whole
from segments.files.json import cell_of
from segments.files.opened import START_BYTES, ZIP_MAGIC, OpenedFile
from segments.files.options import ParentMode, ReadAs
from segments.files.types import FileDetails, FileFormat, RawRow, Sheet

HEADER = ("content", "metadata")
MARKDOWN_SUFFIXES = frozenset({".md", ".markdown", ".mdx"})
BINARY_SUFFIXES = {".pdf": FileFormat.PDF, ".docx": FileFormat.DOCX}
TEXT_SUFFIXES = frozenset({".txt", ".text"})
# Where a text is cut that is too long to be held, the best place first.
CUT_AT = ("\n\n", "\n", " ")


class DocumentReader:
    """PDF, DOCX, HTML, Markdown, and plain text that is no table."""

    def recognises(self, opened: OpenedFile) -> bool:
        """By the content; Markdown and plain text by their names, or because it was said."""
        return _format(opened) is not None

    def open(self, opened: OpenedFile) -> Sheet:
        """The pieces of the document, cut as the options say; `metadata` has page and heading.

        The document is converted when the first row is asked for.

        Raises:
            FileRefused: here or then: it cannot be read; the text says what to do.
            OptionRefused: the options are for a table.
        """
        kind = _format(opened)
        assert kind is not None  # noqa: S101  (it was recognised)
        _refuse_table_options(opened, kind)
        encoding = opened.encoding.name if kind in TEXTS or kind == FileFormat.TXT else ""
        document = _Document(opened, kind, _size(opened))
        details = FileDetails(kind, encoding=encoding)
        return Sheet(HEADER, 1, document.rows(), document.position, details, document.notices)


def _format(opened: OpenedFile) -> FileFormat | None:
    """Which kind of document it is; None for a table."""
    if is_pdf(opened.start):
        return FileFormat.PDF
    if opened.start.startswith(ZIP_MAGIC):
        return FileFormat.DOCX if _is_word(opened) else None
    if opened.options.read_as == ReadAs.TABLE:
        return None
    suffix = PurePath(opened.name).suffix.lower()
    if suffix in BINARY_SUFFIXES and not _looks_like_table(opened):
        return BINARY_SUFFIXES[suffix]  # so damaged that its beginning tells nothing
    if suffix in MARKDOWN_SUFFIXES:
        return FileFormat.MD
    if opened.options.read_as == ReadAs.TEXT and suffix in TEXT_SUFFIXES:
        return FileFormat.TXT
    if is_html(opened.name, opened.start):
        return FileFormat.HTML
    if opened.options.read_as == ReadAs.TEXT:
        return FileFormat.TXT
    is_plain = suffix in TEXT_SUFFIXES and not opened.options.tells_of_table
    return FileFormat.TXT if is_plain and not _looks_like_table(opened) else None


def _is_word(opened: OpenedFile) -> bool:
    opened.content.seek(0)
    try:
        with zipfile.ZipFile(opened.content) as package:
            return any(name.replace("\\", "/").startswith("word/") for name in package.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return opened.name.lower().endswith(".docx")
    finally:
        opened.content.seek(0)


def _looks_like_table(opened: OpenedFile) -> bool:
    text = opened.text_start.lstrip("\ufeff \t\r\n")
    if text.startswith(("{", "[")):  # JSON, whatever it is called
        return True
    return is_table(opened.text_start, is_cut=len(opened.start) >= START_BYTES)


def _refuse_table_options(opened: OpenedFile, kind: FileFormat) -> None:
    for name in ("map", "template", "delimiter", "sheet", "header_row", "no_header"):
        if getattr(opened.options, name):
            raise OptionRefused(
                name, f"{opened.name} is {kind.label}, which has no columns.", "Leave it out."
            )


@dataclass(slots=True)
class _Document:
    """A document that is being read: how far, and what people should know of it."""

    opened: OpenedFile
    kind: FileFormat
    size: int
    notices: list[str] = field(default_factory=list)
    share: float = 0.0

    def rows(self) -> Generator[RawRow]:
        """One for each piece, numbered from 1.

        Raises:
            FileEmpty: there is no text.
        """
        number = 0
        found = self._pieces()
        for number, piece in enumerate(found, 1):
            self.share = piece.share
            yield RawRow(number, (piece.text, cell_of(piece.metadata or None)))
        if not number:
            raise FileEmpty(f"{self.opened.name} has no text. Write something into it.")
        self.share = 1.0

    def _pieces(self) -> Iterator[Piece]:
        options = self.opened.options
        if options.parent_mode == ParentMode.FULL_DOC:
            return whole(self._blocks(), options.split_rule, self.opened.name)
        return pieces(self._blocks(), options.split_rule, self.opened.measure)

    def position(self) -> int:
        """Bytes read so far, by the share of the document."""
        if self.kind == FileFormat.TXT:
            return self.opened.position()
        return int(self.share * self.size)

    def _blocks(self) -> Iterator[Block]:
        if self.kind == FileFormat.TXT:
            return _portions(self.opened)
        return converted(self.opened, self.kind, self.notices)


def _size(opened: OpenedFile) -> int:
    """Before the converter starts: it reads by the same place in the file."""
    size = opened.source.seek(0, io.SEEK_END)
    opened.content.seek(0)
    return size


def _portions(opened: OpenedFile) -> Iterator[Block]:
    """A text in parts that can be held, cut between two separators, or paragraphs."""
    separator = opened.options.split_rule.separator
    with text_of(opened) as text:
        held = ""
        while read := text.read(PORTION_CHARS - len(held)):
            held += read
            if len(held) < PORTION_CHARS:
                continue
            ends = (_end_of(held, cut) for cut in (separator, *CUT_AT))
            end = next(filter(None, ends), len(held))
            yield Block(held[:end])
            held = held[end:]
        if held:
            yield Block(held)


def _end_of(text: str, cut: str) -> int:
    """Where the last `cut` ends that leaves half of the text before it; 0 if none does."""
    place = text.rfind(cut) if cut else -1
    return place + len(cut) if place > len(text) // 2 else 0
