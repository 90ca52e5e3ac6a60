"""An import needs a bounded amount of memory, whatever the size of its file."""

import subprocess
import sys
from pathlib import Path

import pytest

from datasets.models import Document
from tests import commands

pytestmark = pytest.mark.django_db(transaction=True)

# Peak resident memory of a process, in KiB on Linux and in bytes on macOS.
IMPORT = """
import resource, sys
import django
django.setup()
from django.core.management import call_command
place = ("--dataset=handbook", "--document=faq")
call_command("import_segments", sys.argv[1], *place, stdout=sys.stderr)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
SMALL, LARGE = 20_000, 120_000
# As the promise is: 20 % more for a file many times as large.
ALLOWED = 1.2
TIMEOUT_SECONDS = 600


def peak_memory(file: Path) -> int:
    done = subprocess.run(
        [sys.executable, "-c", IMPORT, str(file)],
        cwd=commands.PROJECT,
        env=commands.environment(DJANGO_SETTINGS_MODULE="config.settings"),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def write(file: Path, rows: int) -> Path:
    """A file of so many rows. Each text stands 20 times in its chunk, which embeds it once."""
    with file.open("w") as out:
        out.write("question,answer,metadata.number\n")
        for number in range(rows):
            text = f"What do we know about subject {number // 20} of this long list?"
            out.write(f"{text},It is one of {rows} rows with an answer.,{number}\n")
    return file


def test_a_file_six_times_as_large_needs_hardly_more_memory(
    document: Document, tmp_path: Path
) -> None:
    small = peak_memory(write(tmp_path / "small.csv", SMALL))
    large = peak_memory(write(tmp_path / "large.csv", LARGE))

    document.refresh_from_db()
    assert document.segment_count == SMALL + LARGE
    assert large <= small * ALLOWED
