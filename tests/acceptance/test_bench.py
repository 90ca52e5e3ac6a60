"""`make bench` as a user runs it: that it measures, not what it measures."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.benchmark.figures import PARTS, QUICK

PROJECT = Path(__file__).parents[2]
# It takes some 15 s on two idle cores; this is for a machine that is busy with other things.
TIMEOUT_SECONDS = 900


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def printed(home: Path) -> str:
    """What one run of all parts prints."""
    return run(home, "--quick")


@pytest.fixture(scope="module")
def results(printed: str) -> dict[str, Any]:
    """What it keeps as JSON, and where."""
    files = printed.splitlines()[-2:]
    kept: dict[str, Any] = json.loads(Path(files[0]).read_text())
    return kept | {"files": files}


def run(home: Path, *options: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmark", *options],
        cwd=PROJECT,
        env=os.environ | {"SEGMILL_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_part_has_figures(results: dict[str, Any]) -> None:
    figures = results["figures"]

    assert {figure["part"] for figure in figures} == set(PARTS)
    for figure in figures:
        assert set(figure) == {"part", "name", "value", "unit", "rows", "counts"}
        assert figure["value"] > 0 or figure["unit"] == "rows"


def test_the_whole_import_and_its_pieces_are_measured(results: dict[str, Any]) -> None:
    names = {figure["name"] for figure in results["figures"] if figure["part"] == "import"}

    assert names >= {
        "embedder alone",
        "tokenizer alone",
        "COPY alone, rows",
        "COPY alone, vectors",
        "prepare",
        "embed",
        "publish",
        "whole import, high_quality",
        "whole import, economy",
    }


def test_a_second_import_embeds_nothing(results: dict[str, Any]) -> None:
    values = {figure["name"]: figure["value"] for figure in results["figures"]}

    assert values["embedded of a second import"] == 0
    assert values["rows of a second import"] == QUICK.rows


def test_search_is_measured_by_method_and_size(results: dict[str, Any]) -> None:
    found = {(f["name"], f["rows"]) for f in results["figures"] if f["part"] == "search"}

    assert found >= {
        (f"{method}, p{percent}", count)
        for method in ("semantic", "full_text", "hybrid")
        for percent in (50, 95)
        for count in QUICK.search
    }


def test_an_endpoint_and_a_shared_budget_are_measured(results: dict[str, Any]) -> None:
    values = {f["name"]: f["value"] for f in results["figures"] if f["part"] == "endpoint"}

    assert values["whole import, endpoint"] <= values["endpoint capacity"] == 320
    assert values["most requests in any minute"] >= QUICK.requests


def test_targets_say_whether_they_are_met(results: dict[str, Any]) -> None:
    assert len(results["targets"]) == 7
    for target in results["targets"]:
        assert set(target) == {"name", "value", "sense", "wanted", "met"}


def test_results_are_kept_as_json_and_as_a_chart(results: dict[str, Any], home: Path) -> None:
    data, drawn = (Path(path) for path in results["files"])

    assert data.parent == drawn.parent == home / "bench"
    assert json.loads(data.read_text())["figures"] == results["figures"]
    chart = drawn.read_text()
    assert ElementTree.fromstring(chart).tag.endswith("svg")  # noqa: S314  (our own file)
    assert "whole import, high_quality" in chart
    assert "<script" not in chart


def test_the_home_of_the_user_is_not_touched(results: dict[str, Any], home: Path) -> None:
    assert not (home / "bench" / "home").exists()
    assert not (home / "postgres").exists()


def test_people_get_tables(printed: str) -> None:
    assert "whole import, economy" in printed
    assert "rows/s" in printed
    assert "peak memory" in printed
