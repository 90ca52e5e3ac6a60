"""`manage.py doctor`: what is wrong with this installation, and what to do about it."""

import json
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand

from segments.management.tables import print_table
from segments.operations import doctor
from segments.operations.doctor import Finding


class Command(BaseCommand):
    """Looks at everything, and with --repair fixes what needs no decision.

    Exits 1 if something is wrong then, so that scripts and monitors can ask.
    """

    help = "Check this installation and say how to fix what is wrong; --repair fixes what it can."
    # It looks at the settings itself, and tells of them in its table.
    requires_system_checks: list[str] = []  # noqa: RUF012

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Whether to repair, and the output format."""
        parser.add_argument(
            "--repair",
            action="store_true",
            help="fix what can be fixed without losing anything, and report it",
        )
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print what was found."""
        findings = list(doctor.repair() if options["repair"] else doctor.examine())
        is_well = all(finding.is_well for finding in findings)
        if options["json"]:
            self.stdout.write(json.dumps(_as_json(findings, is_well), ensure_ascii=False))
        else:
            self._print(findings, is_well)
        if not is_well:
            sys.exit(1)

    def _print(self, findings: list[Finding], is_well: bool) -> None:
        rows = [row for finding in findings for row in _rows(finding)]
        print_table("Doctor", ["", "check", "found", "to do"], rows, self.stdout)
        if is_well:
            self.stdout.write("Everything is in order.")


def _rows(finding: Finding) -> Iterator[list[str]]:
    for done in finding.repaired or ():
        yield ["fixed", finding.check, done, ""]
    for problem in finding.problems:
        mark = "note" if problem.can_wait else "WRONG"
        yield [mark, finding.check, problem.text, problem.remedy]
    if not finding.problems:
        yield ["ok", finding.check, finding.summary, ""]


def _as_json(findings: list[Finding], is_well: bool) -> dict[str, Any]:
    checks = [
        {
            "check": finding.check,
            "ok": finding.is_well,
            "summary": finding.summary,
            "problems": [asdict(problem) for problem in finding.problems],
            "repaired": finding.repaired or [],
        }
        for finding in findings
    ]
    return {"ok": is_well, "checks": checks}
