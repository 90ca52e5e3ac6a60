"""Asking the doctor for one thing."""

from segments.operations import doctor
from segments.operations.doctor import Finding
from segments.operations.doctor.check import Check


def look(check: type[Check]) -> Finding:
    """What one check finds; it changes nothing."""
    (finding,) = doctor.examine([check])
    return finding


def mend(check: type[Check]) -> Finding:
    """What one check finds after it has mended what it could."""
    (finding,) = doctor.repair([check])
    return finding


def texts(finding: Finding) -> str:
    """All it says is wrong."""
    return "\n".join(f"{problem.text} → {problem.remedy}" for problem in finding.problems)
