"""`manage.py` as a user runs it: a process of its own, on the database of the tests."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from django.db import connection

PROJECT = Path(__file__).parents[1]
# A command takes a second or two; this is for a machine that is busy with other things.
TIMEOUT_SECONDS = 120

REPORT_KEYS = (
    "job_id",
    "status",
    "rows",
    "created",
    "updated",
    "skipped",
    "deleted",
    "failed",
    "embedded",
    "reused",
    "tokens",
    "seconds",
    "errors",
    "error",
)
ERROR_KEYS = {"line", "column", "value", "reason", "code", "remedy"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def report(self) -> dict[str, Any]:
        """The one JSON object on standard output, as `import_segments --json` promises it."""
        report: dict[str, Any] = json.loads(self.stdout)
        assert tuple(key for key in report if key != "plan") == REPORT_KEYS
        assert ("plan" in report) <= (report["status"] == "dry_run")
        assert tuple(report["seconds"]) == ("prepare", "embed", "publish", "total")
        assert all(set(error) == ERROR_KEYS for error in report["errors"])
        assert self.code == (report["status"] not in ("completed", "dry_run"))
        return report


def environment(**changes: str) -> dict[str, str]:
    """This process's environment, with the tests' own database by its URL."""
    to = connection.get_connection_params()
    url = f"postgres://{to['user']}@{quote(to['host'], safe='')}:{to['port']}/{to['dbname']}"
    return os.environ | {"DATABASE_URL": url} | changes


def start(*arguments: object, **changes: str) -> "subprocess.Popen[str]":
    """A command that has been started."""
    return subprocess.Popen(
        [sys.executable, "-W", "error", "manage.py", *map(str, arguments)],
        cwd=PROJECT,
        env=environment(**changes),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def outcome_of(process: "subprocess.Popen[str]") -> Outcome:
    """How a command that was started ended, once it has; never with a traceback."""
    stdout, stderr = process.communicate(timeout=TIMEOUT_SECONDS)
    assert "Traceback" not in stderr, stderr
    return Outcome(process.returncode, stdout, stderr)


def run(*arguments: object, **changes: str) -> Outcome:
    """How a command ended."""
    return outcome_of(start(*arguments, **changes))
