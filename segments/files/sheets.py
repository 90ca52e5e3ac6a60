"""Opens any file Segmill understands as a `Sheet` of `RawRow`s."""

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePath
from typing import IO, Protocol

from segments.exceptions import FileEmpty, FormatUnknown
from segments.files.calamine import CalamineReader
from segments.files.csv import DelimitedReader
from segments.files.detect import refuse_foreign
from segments.files.documents.reader import DocumentReader
from segments.files.encodings import MARKS
from segments.files.json import JSONArrayReader, JSONLinesReader
from segments.files.opened import START_BYTES, Deadline, OpenedFile, is_gzipped, metered, unpacked
from segments.files.options import ImportOptions
from segments.files.splitting import CHARACTERS, Measure
from segments.files.types import Sheet
from segments.files.xlsx.reader import XLSXReader

# Extensions that promise a format; if the content differs, a notice says so.
SUFFIX_FORMATS = {
    ".csv": {"csv", "tsv"},
    ".tsv": {"csv", "tsv"},
    ".tab": {"csv", "tsv"},
    ".txt": {"csv", "tsv", "txt"},
    ".md": {"csv", "tsv", "md"},
    ".pdf": {"pdf"},
    ".docx": {"docx"},
    ".xlsx": {"xlsx"},
    ".xlsm": {"xlsm", "xlsx"},
    ".xlsb": {"xlsb"},
    ".xls": {"xls"},
    ".ods": {"ods"},
    ".jsonl": {"jsonl"},
    ".ndjson": {"jsonl"},
    ".json": {"json", "jsonl"},
}


class Reader(Protocol):
    """Opens files of one format."""

    def recognises(self, opened: OpenedFile) -> bool:
        """Whether the file is of this format, judging by its beginning."""
        ...

    def open(self, opened: OpenedFile) -> Sheet:
        """The sheet of the file; rows are read on demand.

        Raises:
            FileRefused: here or while the rows are read; the text names the line.
        """
        ...


READERS: Sequence[Reader] = (
    DocumentReader(),
    XLSXReader(),
    CalamineReader(),
    JSONArrayReader(),
    JSONLinesReader(),
    DelimitedReader(),
)


def open_sheet(
    file: IO[bytes],
    name: str,
    options: ImportOptions | None = None,
    known_header: tuple[str, ...] = (),
    measure: Measure = CHARACTERS,
) -> Sheet:
    """The rows of `file`, whose name is `name` and which stands at its beginning.

    `known_header` is that of the last file of the same kind: a row that is equal is the header.
    `measure` counts the tokens by which a document is cut into rows.

    Raises:
        FileRefused: it is empty, of an unknown format, over a limit, or broken.
    """
    opened = _opened(file, PurePath(name).name, options or ImportOptions())
    opened = replace(opened, known_header=known_header, measure=measure)
    _refuse_empty(opened)
    refuse_foreign(opened.name, opened.start)
    for reader in READERS:
        if reader.recognises(opened):
            sheet = reader.open(opened)
            sheet.notices[:0] = _notices(opened, sheet)
            return sheet
    raise FormatUnknown(
        f"{opened.name} is of no format Segmill reads. Use PDF, DOCX, HTML, Markdown, "
        "CSV, XLSX, XLS, ODS, JSON or JSON Lines. If it is a text, name its encoding (option "
        "encoding)."
    )


def _opened(file: IO[bytes], name: str, options: ImportOptions) -> OpenedFile:
    deadline = Deadline.from_now()
    plain = metered(file, deadline)
    start = _peek(plain)
    if is_gzipped(start):
        reader = unpacked(file, name, deadline)
        name, start = name.removesuffix(".gz"), _peek(reader)
        return OpenedFile(name, file, reader, start, options, deadline, file.tell, is_packed=True)
    return OpenedFile(name, file, plain, start, options, deadline, plain.raw.tell)


def _peek(reader: io.BufferedReader) -> bytes:
    start = reader.read(START_BYTES)
    reader.seek(0)
    return start


def _refuse_empty(opened: OpenedFile) -> None:
    start = opened.start
    for mark, _ in MARKS:
        start = start.removeprefix(mark)
    if len(opened.start) < START_BYTES and not start.replace(b"\0", b"").strip():
        raise FileEmpty(f"{opened.name} is empty. Add a header and rows, or text.")


def _notices(opened: OpenedFile, sheet: Sheet) -> list[str]:
    """What the user should know about how the file was read."""
    notices = []
    suffix = PurePath(opened.name).suffix.lower()
    label = sheet.details.format.label
    if sheet.details.format not in SUFFIX_FORMATS.get(suffix, {sheet.details.format}):
        notices.append(f"{opened.name} contains {label} data and was read as {label}.")
    if sheet.details.encoding and opened.encoding.is_guess:
        notices.append(
            f"The file is not UTF-8. Its encoding was guessed: {opened.encoding.name}. "
            "If letters look wrong, set the encoding (option encoding)."
        )
    return notices
