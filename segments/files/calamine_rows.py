"""A process of its own that reads a workbook by calamine and writes its rows as lines of JSON.

    python -I calamine_rows.py PATH MEMORY_BYTES CPU_SECONDS [SHEET_NUMBER]

Without a number it lists the sheets. calamine holds a sheet as a dense block: a cell in the last
corner of an otherwise empty one asks for gigabytes, and ends the process. So it is not ours.
"""

import contextlib
import datetime
import json
import sys
from collections.abc import Callable
from typing import Any

from python_calamine import CalamineError, CalamineWorkbook, PasswordError, SheetVisibleEnum

PASSWORD, DAMAGED = 3, 4


def limit(memory_bytes: int, cpu_seconds: int) -> None:
    """Take no more memory and time than this."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
        resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def plain(value: Any) -> Any:
    """A cell as JSON has it; times in a list with their kind."""
    if isinstance(value, datetime.datetime):
        return ["t", value.isoformat(" ")]
    if isinstance(value, datetime.date | datetime.time):
        return ["t", value.isoformat()]
    if isinstance(value, datetime.timedelta):
        return ["d", value.total_seconds()]
    return value


def write_sheets(workbook: CalamineWorkbook, write: Callable[[str], Any]) -> None:
    """The name of each sheet, and whether it is hidden."""
    for sheet in workbook.sheets_metadata:
        hidden = sheet.visible != SheetVisibleEnum.Visible
        write(json.dumps([sheet.name, hidden]) + "\n")


def write_rows(workbook: CalamineWorkbook, number: int, write: Callable[[str], Any]) -> None:
    """The merged ranges, then each row with something in it: its number from 1, and its cells."""
    sheet = workbook.get_sheet_by_index(number)
    write(json.dumps(sheet.merged_cell_ranges or []) + "\n")
    if sheet.start is None:
        return
    top, left = sheet.start
    before = [""] * left
    for at, cells in enumerate(sheet.iter_rows(), top + 1):
        row = [plain(value) for value in cells]
        while row and row[-1] == "":
            row.pop()
        if row:
            write(json.dumps([at, before + row]) + "\n")


def main() -> int:
    """Read what is asked for; the exit code says why not."""
    path, memory, seconds, *number = sys.argv[1:]
    limit(int(memory), int(seconds))
    try:
        workbook = CalamineWorkbook.from_path(path)
        if number:
            write_rows(workbook, int(number[0]), sys.stdout.write)
        else:
            write_sheets(workbook, sys.stdout.write)
    except PasswordError:
        return PASSWORD
    except (CalamineError, OSError, ValueError, OverflowError) as error:
        sys.stderr.write(str(error))
        return DAMAGED
    return 0


if __name__ == "__main__":
    sys.exit(main())
