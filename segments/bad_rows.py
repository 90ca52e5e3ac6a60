"""The bad rows of an import as a CSV file for people and spreadsheets."""

import csv
from collections.abc import Iterator

from segments.models import ImportJob

COLUMNS = ("line", "column", "value", "code", "reason", "remedy")
CONTENT_TYPE = "text/csv; charset=utf-8"
# What a spreadsheet takes for the beginning of a formula (OWASP, "CSV Injection").
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
BYTE_ORDER_MARK = "\N{ZERO WIDTH NO-BREAK SPACE}"
ROWS_AT_A_TIME = 2_000


class _Line:
    """A file whose every write is what it gives back: csv.writer's lines, one by one."""

    def write(self, line: str) -> str:
        return line


def csv_lines(job: ImportJob) -> Iterator[str]:
    """The file, line by line, read as it is sent; its mark tells spreadsheets that it is UTF-8."""
    writer = csv.writer(_Line())
    yield BYTE_ORDER_MARK + writer.writerow(COLUMNS)
    for error in job.row_errors.all().iterator(ROWS_AT_A_TIME):
        cells = (error.column, error.value, error.code, error.reason, error.remedy)
        yield writer.writerow([error.line, *map(inert, cells)])


def file_name(job: ImportJob) -> str:
    """What to call the file."""
    return f"bad-rows-{job.pk}.csv"


def inert(cell: str) -> str:
    """`cell` as text, in a spreadsheet too."""
    return f"'{cell}" if cell.startswith(FORMULA_STARTS) else cell
