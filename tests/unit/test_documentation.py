"""The documentation names what there is, all of it."""

import re
from pathlib import Path

from segments.api.urls import urlpatterns

ROOT = Path(__file__).parents[2]
READS = re.compile(r'env\.\w+\(\s*"([A-Z_]+)"')
TEST = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")
ROWS = re.compile(r"^\| `([A-Z_]+)` \|", re.MULTILINE)


def test_every_setting_is_in_the_table_and_the_table_has_no_other() -> None:
    sources = [path.read_text() for path in (ROOT / "config").rglob("*.py")]
    read = {name for source in sources for name in READS.findall(source)}
    documented = set(ROWS.findall((ROOT / "README.md").read_text()))

    assert read == documented


def test_only_one_module_reads_the_environment() -> None:
    packages = [ROOT / name for name in ("config", "datasets", "segments")]
    readers = {
        str(path.relative_to(ROOT))
        for package in packages
        for path in package.rglob("*.py")
        if re.search(r"os\.environ(\.get|\[)|os\.getenv|environ\[", path.read_text())
    }

    assert readers == {"config/env.py"}


def test_every_address_of_the_api_is_in_its_table_and_no_other() -> None:
    served = {
        "/v1/" + re.sub(r"<uuid:(\w+)>", r"{\1}", str(address.pattern))
        for address in urlpatterns
        if address.name not in (None, "schema", "docs", "hit_testing")
    }
    table = (ROOT / "docs/api.md").read_text()

    assert set(re.findall(r"^\| `(/v1/[^`]*)` \|", table, re.MULTILINE)) == served


def test_every_test_that_the_documentation_names_is_there() -> None:
    for page in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md")):
        for path, name in TEST.findall(page.read_text()):
            source = (ROOT / path).read_text()
            assert f"def {name}(" in source or not name, f"{page.name}: {path}::{name}"
