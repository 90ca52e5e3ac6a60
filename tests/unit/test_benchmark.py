"""The rows that are measured with, and what is made of the figures."""

import csv
import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.benchmark import rows
from tests.benchmark.figures import PARTS, QUICK, Figure, Target, targets_of
from tests.benchmark.measure import options_from
from tests.benchmark.results import Results, json_of

COUNT = 20_000


def test_the_same_seed_gives_the_same_rows() -> None:
    assert list(rows.texts(100, seed=7)) == list(rows.texts(100, seed=7))
    assert list(rows.texts(100, seed=7)) != list(rows.texts(100, seed=8))


def test_rows_are_short_and_each_is_another() -> None:
    texts = list(rows.texts(COUNT, seed=1))

    assert len(set(texts)) == COUNT
    assert 90 <= sum(map(len, texts)) / COUNT <= 100


def test_questions_are_about_the_rows() -> None:
    questions = list(rows.questions(100, seed=3))

    assert questions == list(rows.questions(100, seed=3))
    assert all(question.endswith("?") for question in questions)


def test_a_file_holds_the_rows_under_a_header(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"

    rows.write_csv(path, 50, seed=1)

    with path.open(newline="") as file:
        header, *written = csv.reader(file)
    assert header == ["content"]
    assert [text for (text,) in written] == list(rows.texts(50, seed=1))


def figure(part: str, name: str, value: float) -> Figure:
    return Figure(part=part, name=name, value=value, unit="rows/s", rows=1, counts="")


def test_targets_are_shares_of_measured_figures() -> None:
    figures = [
        figure("import", "embedder alone", 10_000),
        figure("import", "whole import, high_quality", 8_500),
        figure("memory", "peak memory, large import", 200),
    ]

    (target,) = targets_of(figures)

    assert target.value == 0.85
    assert target.is_met


@pytest.mark.parametrize(
    ("sense", "value", "met"),
    [
        ("at least", 0.79, False),
        ("at least", 0.8, True),
        ("at most", 0.8, True),
        ("at most", 0.81, False),
    ],
)
def test_a_target_has_a_right_side(sense: str, value: float, met: bool) -> None:
    target = Target(name="share", value=value, sense=sense, wanted=0.8)  # type: ignore[arg-type]

    assert target.is_met is met


def test_programs_get_one_line_of_json() -> None:
    measured = Results(
        began=datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC),
        seconds=1.25,
        sizes=QUICK,
        figures=[figure("import", "embedder alone", 10_000)],
    )

    line = json_of(measured, ["a.json", "a.svg"])

    assert line.endswith("}\n")
    answer = json.loads(line)
    assert answer["files"] == ["a.json", "a.svg"]
    assert answer["figures"] == [asdict(figure("import", "embedder alone", 10_000))]


def test_one_part_alone_or_all() -> None:
    assert options_from(["--only", "import"]).only == ["import"]
    assert options_from([]).only == list(PARTS)
