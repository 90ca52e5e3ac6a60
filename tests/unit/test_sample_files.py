"""The committed files: each is there, and is judged as it has to be."""

import pytest

from segments.files.sheets import open_sheet
from tests.conftest import FILES
from tests.hostile import hostile_files
from tests.sample_files import HOSTILE, LARGEST_BYTES, ODD, Odd
from tests.unit.test_hostile import said_of

CASES = {file.name: file for file in hostile_files()}


def test_every_file_has_its_case_and_every_case_its_file() -> None:
    for folder, names in (("hostile", set(HOSTILE)), ("odd", {odd.name for odd in ODD})):
        committed = {path.name: path.stat().st_size for path in (FILES / folder).iterdir()}
        assert committed.keys() == names
        assert max(committed.values()) <= LARGEST_BYTES


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_not_accepted_in_silence(name: str) -> None:
    case = CASES[HOSTILE[name]]

    said = said_of((FILES / "hostile" / name).read_bytes(), name)

    assert said
    assert case.says in said


@pytest.mark.parametrize("odd", ODD, ids=str)
def test_an_odd_file_is_read_as_it_is_meant(odd: Odd) -> None:
    with (FILES / "odd" / odd.name).open("rb") as file:
        sheet = open_sheet(file, odd.name)
        rows = tuple(row.cells for row in sheet.rows)

    assert rows == odd.rows
    assert len(sheet.notices) == bool(odd.says)
    assert odd.says in "".join(sheet.notices)
