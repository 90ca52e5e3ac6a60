"""The documentation names what there is, all of it."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from segments.api.urls import urlpatterns
from segments.conf import Defaults

ROOT = Path(__file__).parents[2]
READS = re.compile(r'env\.\w+\(\s*"([A-Z_]+)"')
TEST = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")
# Settings of projects that use the apps, which docs/django.md explains.
FOR_PROJECTS = {"SEGMILL_QUEUE", "SEGMILL_REPLICAS"}
FETCHED = re.compile(r"<(?:script|link|img)[^>]+(?:src|href)=\"?(https?://[^\" >]+)")
ROWS = re.compile(r"^\| `([A-Z_]+)` \|", re.MULTILINE)
ADDRESSES = re.compile(r"^\| `(/v1/[^`]*)` \|", re.MULTILINE)


def found(pattern: re.Pattern[str], *pages: str) -> set[Any]:
    """All that a pattern finds, which is something: a test that looks for nothing is none."""
    every = {match for page in pages for match in pattern.findall(page)}
    assert every, f"nothing is like {pattern.pattern} any more: mend the pattern or the page"
    return every


def test_every_setting_is_in_the_table_and_the_table_has_no_other() -> None:
    read = found(READS, *(path.read_text() for path in (ROOT / "config").rglob("*.py")))

    assert read == found(ROWS, (ROOT / "README.md").read_text())


def test_every_setting_the_apps_read_has_its_default() -> None:
    apps = [path.read_text() for app in ("datasets", "segments") for path in app_modules(app)]
    read = {name for source in apps for name in re.findall(r"settings\.(SEGMILL_\w+)", source)}
    with_default = {name for name in vars(Defaults) if name.startswith("SEGMILL_")}

    assert read == with_default
    assert with_default - FOR_PROJECTS <= set(ROWS.findall((ROOT / "README.md").read_text()))


ANOTHER_PROJECT = """
import django
from django.conf import settings
settings.configure(
    INSTALLED_APPS=["django.contrib.admin", "django.contrib.auth", "django.contrib.contenttypes",
                    "django.contrib.messages", "django.contrib.sessions", "axes", "datasets",
                    "segments", "django_q"],
    SEGMILL_LEASE_SECONDS=7, Q_CLUSTER={"orm": "default"}, USE_TZ=True,
)
django.setup()
print(settings.SEGMILL_LEASE_SECONDS, settings.SEGMILL_CHUNK_ROWS)
"""


def test_another_project_names_what_it_wants_otherwise_and_gets_the_defaults() -> None:
    command = [sys.executable, "-c", ANOTHER_PROJECT]
    outcome = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert outcome.stdout.split() == ["7", str(Defaults.SEGMILL_CHUNK_ROWS)], outcome.stderr


def app_modules(app: str) -> Iterator[Path]:
    return (ROOT / app).rglob("*.py")


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
        "/v1/" + re.sub(r"<\w+:(\w+)>", r"{\1}", str(address.pattern))
        for address in urlpatterns
        if address.name not in (None, "schema", "docs", "hit_testing", "all_built_in_fields")
        and not str(address.name).endswith("_older")
    }

    assert found(ADDRESSES, (ROOT / "docs/api.md").read_text()) == served


def test_the_pages_are_a_site_without_anything_from_elsewhere(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir"]
    outcome = subprocess.run(
        [*command, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    pages = [page.read_text() for page in tmp_path.rglob("*.html")]
    fetched = [FETCHED.findall(page) for page in pages]

    assert outcome.returncode == 0, outcome.stderr
    assert len(pages) > len(list((ROOT / "docs").glob("*.md")))
    assert not any(fetched), fetched


def test_every_test_that_the_documentation_names_is_there() -> None:
    pages = (ROOT / "README.md", *(ROOT / "docs").rglob("*.md"))
    for path, name in found(TEST, *(page.read_text() for page in pages)):
        assert (ROOT / path).exists(), path
        source = (ROOT / path).read_text()
        assert not name or f"def {name}(" in source, f"{path}::{name}"
