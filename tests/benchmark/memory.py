"""The part `memory`: the peak memory of an importing process, with a small and a large file.

Measured from outside: `manage.py import_segments` in a fresh process, and its peak resident
memory as the kernel reports it at the end (getrusage(2), ru_maxrss).
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from time import perf_counter

from django.conf import settings

from segments.exceptions import ImportRefused
from tests.benchmark import rows
from tests.benchmark.figures import Figure, Recorder, Unit
from tests.benchmark.trial import TENANT, scratch, wipe

PART = "memory"
SEED = 3
KIB = 1024
MIB = 1024 * KIB
# Linux counts ru_maxrss in KiB, macOS in bytes.
RSS_UNIT = 1 if sys.platform == "darwin" else KIB


def measure(recorder: Recorder) -> None:
    """Import a small and a large file, each in its own process."""
    small, large = recorder.sizes.memory
    for name, count, done in (("small", small, 0.0), ("large", large, 0.1)):
        recorder.step(f"{count:,} rows with the command", done)
        wipe()
        path = scratch() / "memory.csv"
        rows.write_csv(path, count, SEED)
        began = perf_counter()
        peak = _peak_of_import(path)
        seconds = perf_counter() - began
        _record(recorder, f"peak memory, {name} import", peak / MIB, "MiB", count)
        _record(recorder, f"command, {name} import", count / seconds, "rows/s", count)


def _record(recorder: Recorder, name: str, value: float, unit: Unit, count: int) -> None:
    counts = "a fresh process from start to end, including the model"
    recorder.record(Figure(part=PART, name=name, value=value, unit=unit, rows=count, counts=counts))


def _peak_of_import(path: Path) -> int:
    """The peak resident memory, in bytes, of the command that imports `path`.

    Raises:
        ImportRefused: the import failed.
    """
    place = ["--tenant", TENANT, "--dataset", "memory", "--document", "rows", "--create"]
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "import_segments", str(path)]
    with (scratch() / "memory.json").open("w+b") as answer:
        process = subprocess.Popen(
            [*command, *place, "--json"], stdout=answer, stderr=subprocess.DEVNULL
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        answer.seek(0)
        if process.returncode:
            raise ImportRefused(f"The benchmark's import failed: {json.load(answer)['error']}")
    return usage.ru_maxrss * RSS_UNIT
