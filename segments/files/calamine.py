"""XLS, XLSB and ODS through python-calamine, in a process of its own (`calamine_rows`).

Unlike our reader of XLSX it has no number formats: 0.1 is 0.1, whether it is shown as 10 % or not.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from shutil import copyfileobj
from typing import IO, Any

from segments.exceptions import FileMalformed, FileProtected, FormatUnknown
from segments.files import calamine_rows
from segments.files.detect import is_xls
from segments.files.header import Frame
from segments.files.opened import OpenedFile, sheet_of
from segments.files.types import (
    MAX_COLUMNS,
    CellError,
    FileDetails,
    FileFormat,
    RawRow,
    Sheet,
    column_letters,
)
from segments.files.workbooks import Sheets, read_sheets

PROGRAM = str(Path(calamine_rows.__file__))
# What a sheet may take while it is read: some 60 million cells.
MEMORY_BYTES = 2 * 1024**3
SAVE_AGAIN = "Open it in a spreadsheet program and save it as XLSX."
ERRORS = frozenset(
    {"#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!", "#GETTING_DATA"}
)
MIDNIGHT = " 00:00:00"
LONGEST_WHOLE = 1e15


class CalamineReader:
    """Workbooks of Excel 97–2003; those in ZIP archives come by way of the reader of XLSX."""

    def recognises(self, opened: OpenedFile) -> bool:
        """By the streams of an OLE2 file."""
        return is_xls(opened.name, opened.start)

    def open(self, opened: OpenedFile) -> Sheet:
        """As `open_by_calamine`."""
        return open_by_calamine(opened, FileFormat.XLS)


def open_by_calamine(opened: OpenedFile, kind: FileFormat) -> Sheet:
    """The sheets that are wanted, or the first with rows.

    Raises:
        FormatUnknown: it is damaged, or takes too much memory.
        FileProtected: it is encrypted.
        SheetNotFound: the file has no sheet of that name.
    """
    with _run(opened, kind) as lines:
        listed = [json.loads(line) for line in lines]
    sheets = Sheets([(name, hidden, number) for number, (name, hidden) in enumerate(listed)])
    if not listed:
        raise _damaged(opened, kind, "it has no sheet of cells")
    names = sheets.names

    def open_one(number: int) -> Sheet:
        frame = Frame()
        details = FileDetails(kind, sheet=names[number])
        sheet = sheet_of(_rows(opened, kind, number, frame), details, opened, None, frame)
        return replace(sheet, position=lambda: 0)

    return read_sheets(sheets, opened.options.sheet, open_one)


@contextmanager
def _run(opened: OpenedFile, kind: FileFormat, *number: str) -> Iterator[Iterator[bytes]]:
    """What the process writes, line by line; it ends with the block."""
    with tempfile.NamedTemporaryFile(suffix=f".{kind}") as copy, tempfile.TemporaryFile() as said:
        opened.content.seek(0)
        copyfileobj(opened.content, copy)
        copy.flush()
        seconds = str(opened.deadline.seconds)
        command = [sys.executable, "-I", PROGRAM, copy.name, str(MEMORY_BYTES), seconds, *number]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said)
        try:
            yield _lines(process, opened)
            if process.wait():
                raise _refusal(process.returncode, said, opened, kind)
        finally:
            process.kill()
            process.wait()
            if process.stdout:
                process.stdout.close()


def _lines(process: subprocess.Popen[bytes], opened: OpenedFile) -> Iterator[bytes]:
    for line in process.stdout or ():
        opened.deadline.check()
        yield line


def _refusal(
    code: int, said: IO[bytes], opened: OpenedFile, kind: FileFormat
) -> FormatUnknown | FileProtected:
    said.seek(0)
    words = said.read(200).decode(errors="replace").strip()
    if code == calamine_rows.PASSWORD or "password" in words.lower():
        return FileProtected(
            f"{opened.name} is protected by a password. Save it without one and import it again."
        )
    if code == calamine_rows.DAMAGED:
        return _damaged(opened, kind, words or "it is damaged")
    return _damaged(opened, kind, "it takes too much memory")


def _damaged(opened: OpenedFile, kind: FileFormat, what: str) -> FormatUnknown:
    return FormatUnknown(f"{opened.name} cannot be read as {kind.label}: {what}. {SAVE_AGAIN}")


def _rows(opened: OpenedFile, kind: FileFormat, number: int, frame: Frame) -> Generator[RawRow]:
    with _run(opened, kind, str(number)) as lines:
        merges = _covered(json.loads(next(lines, b"[]")))
        for line in lines:
            try:
                at, cells = json.loads(line)
            except ValueError as error:
                raise FileMalformed(1, "the sheet breaks off.", SAVE_AGAIN) from error
            yield _row(at, cells, merges, frame)


def _row(at: int, cells: list[Any], merges: "_Merges", frame: Frame) -> RawRow:
    """A row as wide as the header, or wider if there is something beyond it."""
    problems: list[CellError] = []
    if len(cells) > MAX_COLUMNS:
        reason = (
            f"The row extends to column {column_letters(len(cells) - 1)}; {MAX_COLUMNS} columns "
            "are allowed. Clear the cells beyond."
        )
        problems.append(CellError(len(cells) - 1, "", "row_too_wide", reason))
        cells = cells[:MAX_COLUMNS]
    texts = [_text(cell) for cell in cells]
    texts += [""] * (frame.width - len(texts))
    for place, text in enumerate(texts):
        if text in ERRORS:
            reason = f"The cell shows the error {text}. Fix its formula or write the value."
            problems.append(CellError(place, text, "error_value", reason))
        elif not text and (first := merges.get((at, place))):
            name = f"{column_letters(place)}{at}"
            reason = f"The cell {name} is merged with {first}. Unmerge and fill it."
            problems.append(CellError(place, "", "merged_cell", reason))
    return RawRow(at, tuple(texts), tuple(problems))


_Merges = dict[tuple[int, int], str]
# Cells that merges may cover; a sheet with more has merged whole columns.
MOST_COVERED = 1_000_000


def _covered(ranges: list[list[list[int]]]) -> _Merges:
    """Every cell that shows what stands in another one, and the name of that one."""
    covered: _Merges = {}
    for (top, left), (bottom, right) in ranges:
        name = f"{column_letters(left)}{top + 1}"
        for row in range(top, bottom + 1):
            for place in range(left, min(right + 1, MAX_COLUMNS)):
                if (row, place) != (top, left) and len(covered) < MOST_COVERED:
                    covered[row + 1, place] = name
    return covered


def _text(cell: Any) -> str:
    """A cell as a person writes it."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, list):
        return _time(*cell)
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < LONGEST_WHOLE else repr(cell)
    return "" if cell is None else str(cell)


def _time(kind: str, value: str | float) -> str:
    if kind == "d":
        seconds = round(float(value))
        return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    text = str(value).removesuffix(MIDNIGHT)
    if " " in text:
        return datetime.fromisoformat(text).isoformat(" ", "seconds").removesuffix(":00")
    return text
