"""A Python environment with the wheel of this checkout and what it requires, and nothing else.

Its packages are links to those that the tests run with: nothing is fetched, and an import of
anything that the wheel does not require fails as it would for somebody who installed it.
"""

import subprocess
import venv
from collections.abc import Iterable, Iterator
from email.parser import HeaderParser
from importlib.metadata import Distribution, distribution
from pathlib import Path
from zipfile import ZipFile

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.packages import metadata_of


def make_environment(folder: Path, wheel: Path) -> Path:
    """Its Python, with the wheel in it."""
    venv.create(folder, with_pip=False)
    python = folder / "bin/python"
    command = [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    packages = Path(subprocess.run(command, capture_output=True, text=True).stdout.strip())
    with ZipFile(wheel) as archive:
        archive.extractall(packages)
    fields = HeaderParser().parsestr(metadata_of(wheel))
    link_packages(packages, fields.get_all("Requires-Dist", []))
    return python


def link_packages(folder: Path, wanted: Iterable[str]) -> None:
    """Link what is required, and what that requires, into `folder`."""
    folder.mkdir(exist_ok=True)
    for package in closure(wanted):
        for name in {file.parts[0] for file in package.files or ()} - {"..", "__pycache__"}:
            link = folder / name
            if not link.exists():
                link.symlink_to(Path(str(package.locate_file(name))))


def closure(wanted: Iterable[str]) -> list[Distribution]:
    """The installed packages that these requirements lead to."""
    found: dict[tuple[str, str], Distribution] = {}
    waiting = [(Requirement(line), "") for line in wanted]
    while waiting:
        requirement, extra = waiting.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        for each in ("", *requirement.extras):
            key = canonicalize_name(requirement.name), each
            if key not in found:
                found[key] = distribution(requirement.name)
                waiting += [(line, each) for line in _requirements(found[key])]
    return list(found.values())


def _requirements(package: Distribution) -> Iterator[Requirement]:
    yield from (Requirement(line) for line in package.requires or ())
