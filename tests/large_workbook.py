"""A workbook as large as people have them: `python -m tests.large_workbook FILE [--rows 300000]`.

Written by openpyxl, as exports of other programs are, with its texts shared and each row its own.
"""

import argparse
from datetime import date, timedelta
from pathlib import Path

from openpyxl import Workbook

COLUMNS = ("question", "answer", "metadata.page", "metadata.stand")


def write(path: Path, rows: int) -> None:
    """A sheet of so many questions with their answers, a number and a date."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet("Questions")
    sheet.append(COLUMNS)
    first = date(2020, 1, 1)
    for number in range(rows):
        sheet.append(
            (
                f"How is part number {number} of the machine in hall {number % 97} looked after?",
                f"Open cover {number % 31}, clean filter {number}, and close it until it clicks.",
                number % 500,
                first + timedelta(days=number % 2_000),
            )
        )
    book.save(path)


def main() -> None:
    """Write it."""
    options = argparse.ArgumentParser(description="Write a large workbook.")
    options.add_argument("file", type=Path)
    options.add_argument("--rows", type=int, default=300_000)
    given = options.parse_args()
    write(given.file, given.rows)


if __name__ == "__main__":
    main()
