"""The rules of the layout: small rooms, no crumbs, no heaps, imports that point down only."""

import ast
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
PRODUCT = ("config", "datasets", "segments")
MODULES = sorted(
    path
    for name in PRODUCT
    for path in (PROJECT / name).rglob("*.py")
    if "migrations" not in path.parts
)
MOST_MODULES = 337
MOST_LINES = 400
MOST_FILES_A_FOLDER = 25
MOST_LOOSE_MODULES = 8
# A module below this that one other imports is a part of that one.
FEWEST_LINES = 40
# Django, or whoever starts a process, looks for these by name or place.
LOOKED_FOR = {"__init__.py", "__main__.py", "apps.py", "urls.py", "wsgi.py", "asgi.py"}
PLACES_LOOKED_IN = {"commands", "templatetags"}


def name_of(path: Path) -> str:
    """A path as people write it."""
    return path.relative_to(PROJECT).as_posix()


def lines_of(path: Path) -> int:
    """How long a module is."""
    return len(path.read_text().splitlines())


def imported_by(path: Path) -> Iterator[str]:
    """The dotted names that a module imports, and those it may: of a module or what is in one."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def dotted(path: Path) -> str:
    """The name that a module is imported by."""
    return ".".join(path.relative_to(PROJECT).with_suffix("").parts).removesuffix(".__init__")


@pytest.fixture(scope="module")
def importers() -> dict[str, set[str]]:
    """Who imports each module, by their names."""
    found = defaultdict[str, set[str]](set)
    for path in MODULES:
        for name in imported_by(path):
            found[name].add(name_of(path))
    return found


def test_imports_point_down_only() -> None:
    linter = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run([linter, "--no-cache"], cwd=PROJECT, capture_output=True, text=True)
    assert done.returncode == 0, (
        f"{done.stdout}\nAn import points up or across (pyproject.toml, importlinter): move what "
        "is shared down into the room that both may import, or hand it over as an argument."
    )


def test_no_module_is_too_long() -> None:
    long = {name_of(path): lines for path in MODULES if (lines := lines_of(path)) > MOST_LINES}
    assert not long, f"more than {MOST_LINES} lines: {long}. Split each by what it is about."


def test_no_module_is_a_crumb(importers: dict[str, set[str]]) -> None:
    crumbs = {
        name_of(path): importers[dotted(path)]
        for path in MODULES
        if lines_of(path) < FEWEST_LINES
        and len(importers[dotted(path)]) == 1
        and path.name not in LOOKED_FOR
        and path.parent.name not in PLACES_LOOKED_IN
    }
    assert not crumbs, (
        f"fewer than {FEWEST_LINES} lines and one importer: {crumbs}. Move each into the "
        "module that imports it."
    )


def test_no_folder_is_a_heap() -> None:
    rooms = [PROJECT / name for name in (*PRODUCT, "templates")]
    folders = [*rooms, *(path for room in rooms for path in room.rglob("*") if path.is_dir())]
    counts = {name_of(folder): sum(map(Path.is_file, folder.iterdir())) for folder in folders}
    heaps = {name: count for name, count in counts.items() if count > MOST_FILES_A_FOLDER}
    assert not heaps, (
        f"more than {MOST_FILES_A_FOLDER} files: {heaps}. Give those that belong together a "
        "folder, or merge the small ones."
    )


def test_few_modules_lie_loose() -> None:
    loose = {path.name for path in MODULES if path.parent == PROJECT / "segments"}
    loose.discard("__init__.py")
    assert len(loose) <= MOST_LOOSE_MODULES, (
        f"more than {MOST_LOOSE_MODULES} modules lie loose in segments/: {sorted(loose)}. Put "
        "the new one into the room that it belongs to."
    )


def test_there_are_not_too_many_modules() -> None:
    assert len(MODULES) <= MOST_MODULES, (
        f"{len(MODULES)} modules, {MOST_MODULES} are allowed (migrations do not count). Merge "
        "modules that nobody reads without one another before you add one."
    )
