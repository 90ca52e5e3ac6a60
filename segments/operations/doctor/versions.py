"""Python and the packages: what runs is what was asked for."""

import platform
import re
import sys
from collections.abc import Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from django.conf import settings
from packaging.requirements import InvalidRequirement, Requirement

from segments.operations.doctor.check import Check, Problem

OLDEST_PYTHON = (3, 11)
COMMENT = re.compile(r"(^|\s)#.*")


class VersionsCheck(Check):
    """Python is new enough, and every package of requirements.txt is there as it says."""

    name = "versions"
    needs_tables = False

    def look(self) -> Iterator[Problem]:
        """What is too old, missing, or another version."""
        if sys.version_info < OLDEST_PYTHON:
            yield Problem(
                f"This is Python {platform.python_version()}.", "Install Python 3.11 or newer."
            )
        for wanted in requirements():
            if trouble := _trouble(wanted):
                yield Problem(trouble, "Run: pip install -r requirements.txt")

    def summary(self) -> str:
        """Python's version and the number of packages."""
        return f"Python {platform.python_version()}, {len(requirements())} packages as required"


@cache
def requirements() -> list[Requirement]:
    """The packages that requirements.txt names."""
    return list(_parsed(Path(settings.BASE_DIR) / "requirements.txt"))


def _parsed(path: Path) -> Iterator[Requirement]:
    for line in path.read_text().splitlines():
        text = COMMENT.sub("", line).strip()
        if text and not text.startswith("-"):
            try:
                yield Requirement(text)
            except InvalidRequirement as error:
                raise OSError(f"{path.name}: {error}") from error


def _trouble(wanted: Requirement) -> str:
    try:
        found = version(wanted.name)
    except PackageNotFoundError:
        return f"The package {wanted.name} is not installed."
    if wanted.specifier.contains(found, prereleases=True):
        return ""
    return f"The package {wanted.name} is {found}; {wanted.specifier} is required."
