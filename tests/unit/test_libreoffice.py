"""Spreadsheets as LibreOffice 7.4 has saved them: what it shows as CSV is what we see in XLSX."""

import pytest

from segments.files.sheets import open_sheet
from tests.conftest import FILES

FOLDER = FILES / "libreoffice"


def cells(name: str) -> list[tuple[str, ...]]:
    """The header and all rows."""
    with (FOLDER / name).open("rb") as file:
        sheet = open_sheet(file, name)
        return [sheet.header, *(row.cells for row in sheet.rows)]


@pytest.mark.parametrize("name", ["calc-utf8.csv", "calc-cp1252.csv", "calc-utf16.csv"])
def test_the_workbook_shows_what_its_csv_says(name: str) -> None:
    found = cells("calc.xlsx")

    assert found == cells(name)
    assert found[1][3:] == ("00123", "31.12.2024", "15.5%", "1,234.50 €", "TRUE", "3")


@pytest.mark.parametrize("name", ["calc.ods", "calc.xls"])
def test_its_other_formats_are_read_as_values(name: str) -> None:
    shown, found = cells("calc.xlsx"), cells(name)

    assert found[0] == shown[0]
    assert [row[:3] for row in found] == [row[:3] for row in shown]
