"""The package of Segmill, built and read as those get it who install it."""

import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

PROJECT = Path(__file__).parents[1]
# With the build backend that is installed: nothing is fetched.
BUILD = ["wheel", "--quiet", "--no-deps", "--no-build-isolation", "--disable-pip-version-check"]


def build_wheel(folder: Path) -> Path:
    """The wheel of this checkout, in `folder`."""
    command = [sys.executable, "-m", "pip", *BUILD, "--wheel-dir", str(folder), str(PROJECT)]
    subprocess.run(command, check=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def files_of(wheel: Path) -> set[str]:
    """The names of the files in a wheel."""
    with ZipFile(wheel) as archive:
        return set(archive.namelist())


def metadata_of(wheel: Path) -> str:
    """What a wheel says of itself."""
    with ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return archive.read(name).decode()
