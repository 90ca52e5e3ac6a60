"""None of the hostile files passes in silence, ends the process, or takes long or much memory."""

import io
import subprocess
import sys
from time import process_time

import pytest

from datasets.models import DocForm
from segments.exceptions import FileEmpty, FileRefused, HeaderRefused
from segments.files.columns import columns_in
from segments.files.options import ImportOptions
from segments.files.sheets import open_sheet
from segments.files.types import MAX_COLUMNS
from segments.files.validation import MAX_CELL_CHARS, Rules, validate
from tests.hostile import Hostile, hostile_files

# Of processor time: 3 to 5 s on an idle machine, three times that beside three other processes.
LONGEST_SECONDS = 25
MOST_MIB = 500
FILES = list(hostile_files())
MEASURE = """
import sys, resource, django
django.setup()
from tests.hostile import hostile_files
from tests.unit.test_hostile import said_of

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

for file in hostile_files():
    content = file.make()
    before = peak()
    said_of(content)
    assert peak() - before < int(sys.argv[1]), (file.name, peak() - before)
"""


def said_of(content: bytes, name: str = "file") -> str:
    """All that reading and checking a file says: the refusal, or problems and notices."""
    try:
        sheet = open_sheet(io.BytesIO(content), name)
        if len(sheet.header) > MAX_COLUMNS:
            raise HeaderRefused("columns are allowed")
        columns = columns_in(sheet, DocForm.QA, ImportOptions())
        rules = Rules(columns, MAX_CELL_CHARS)
        checked = [validate(raw, rules) for raw in sheet.rows]
    except FileRefused as refusal:
        return str(refusal)
    if not checked:
        return str(FileEmpty("has a header but no rows"))
    problems = [str(problem) for row in checked if isinstance(row, list) for problem in row]
    unused = [f"{name or 'a column without a name'} is not used" for name in columns.unknown]
    return "\n".join([*problems, *sheet.notices, *unused])


def test_there_are_at_least_two_hundred_and_each_has_a_name() -> None:
    assert len(FILES) >= 200
    assert len({file.name for file in FILES}) == len(FILES)


@pytest.mark.parametrize("file", FILES, ids=str)
def test_a_hostile_file_is_not_accepted_in_silence(file: Hostile) -> None:
    content = file.make()
    began = process_time()

    said = said_of(content)

    assert process_time() - began < LONGEST_SECONDS
    assert said
    assert file.says in said, said[:500]


def test_no_hostile_file_takes_much_memory() -> None:
    """All of them, one after the other, in a process that tells its peak."""
    command = [sys.executable, "-c", MEASURE, str(MOST_MIB)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-2_000:]
