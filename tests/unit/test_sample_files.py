"""The committed files: each is there, is what its script makes, and is judged as it has to be."""

import io
import zipfile

import pytest

from segments.importing.rows import open_sheet
from tests.conftest import FILES
from tests.hostile import hostile_files
from tests.sample_files import HOSTILE, LARGEST_BYTES, ODD, Odd, made_files
from tests.unit.test_hostile import said_of

CASES = {file.name: file for file in hostile_files()}


def unpacked(content: bytes) -> object:
    """An archive by its parts: how tightly they are packed depends on the machine."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return [(part.filename, part.CRC, part.file_size) for part in archive.infolist()]
    except zipfile.BadZipFile:
        return content[:2] if content.startswith(b"\x1f\x8b") else content


def test_every_file_is_there_and_has_its_case() -> None:
    committed = {
        f"{folder}/{path.name}": path.read_bytes()
        for folder in ("hostile", "odd")
        for path in (FILES / folder).iterdir()
    }
    made = made_files()
    assert committed.keys() == made.keys()
    for name, content in made.items():
        assert unpacked(committed[name]) == unpacked(content), name
        assert len(committed[name]) <= LARGEST_BYTES


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
