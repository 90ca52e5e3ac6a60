"""Filters: what passes, by every operator and kind of value, in every method."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from datasets.models import Dataset, DocForm
from segments.search import Condition, Operator, SearchFilter, SearchMethod, search

from .conftest import ImportText, MakeDocument

pytestmark = pytest.mark.django_db(transaction=True)

METHODS = list(SearchMethod)
# What rows have under the name “it”; the first is missing.
VALUES: list[Any] = [
    None,
    "",
    [],
    "Parts",
    "parts for pumps",
    "10",
    "10.0",
    10,
    9.5,
    -3,
    True,
    "2024-05-31",
    "31.05.2024",
    "2024-05-31T12:00:00+02:00",
    1717113600,  # 2024-05-31
    "2024-02-30",
    ["Parts", "tools"],
    ["tools", 12],
    [None, ""],
    {"depth": 1},
    "100 %_",
]
CASES: list[tuple[str, Any]] = [
    ("contains", "art"),
    ("contains", "%"),
    ("contains", 1),
    ("not contains", "Parts"),
    ("start with", "Par"),
    ("start with", "_"),
    ("end with", "s"),
    ("end with", "%_"),
    ("is", "Parts"),
    ("is", "10"),
    ("is", 10),
    ("is", True),
    ("is not", "Parts"),
    ("is not", 10),
    ("empty", None),
    ("not empty", None),
    ("in", ["Parts", "10.0"]),
    ("in", "Parts, 10"),
    ("in", [10, "tools"]),
    ("in", []),
    ("not in", ["Parts", 10]),
    ("not in", []),
    ("=", 10),
    ("=", "10"),
    ("=", "Parts"),
    ("=", "2024-05-31"),
    ("≠", "10"),
    ("≠", "2024-05-31"),
    ("≠", "Parts"),
    (">", 9.5),
    (">", "2024-05-30"),
    ("<", 10),
    ("≥", "10"),
    ("≤", 10),
    ("≤", "31.05.2024"),
    ("before", "2024-05-31 10:00:01"),
    ("before", 1717113600),
    ("after", "2024-05-30T23:59:59Z"),
    ("after", "10"),
]


def as_number(text: str) -> float | None:
    """A number as the documentation says that a text reads as one."""
    try:
        return float(text) if text.strip(" ").lstrip("+-")[:1] in "0123456789." else None
    except ValueError:
        return None


def as_time(text: str) -> float | None:
    """Seconds since 1970, likewise."""
    number = as_number(text)
    if number is not None:
        return number
    for form in ("%d.%m.%Y", "%Y/%m/%d"):
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC).timestamp()
        except ValueError:
            pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def passes(value: Any, operator: str, asked: Any) -> bool:
    """What the documentation says, without a database: the model of the meaning."""
    listed = value if isinstance(value, list) else [value]
    values = [as_text(each) for each in listed if each not in (None, "", [], {})]
    if operator in ("empty", "not empty"):
        return bool(values) == (operator == "not empty")
    opposite = {"not contains": "contains", "is not": "is", "not in": "in", "≠": "="}
    if operator in opposite:
        return bool(values) and not passes(value, opposite[operator], asked)
    return any(test(text, operator, asked) for text in values)


def test(text: str, operator: str, asked: Any) -> bool:
    """One value."""
    if operator == "in":
        asked = [each.strip() for each in asked.split(",")] if isinstance(asked, str) else asked
        return any(test(text, "is", each) for each in asked)
    wanted = as_text(asked)
    simple = {
        "contains": wanted in text,
        "start with": text.startswith(wanted),
        "end with": text.endswith(wanted),
    }
    if operator in simple:
        return simple[operator]
    if operator == "is":
        is_number = isinstance(asked, int | float) and not isinstance(asked, bool)
        return text == wanted or (is_number and as_number(text) == asked)
    read = as_number
    if operator in ("before", "after") or (as_number(wanted) is None and as_time(wanted)):
        read = as_time
    one, other = read(text), read(wanted)
    if other is None:
        return text == wanted
    if one is None:
        return False
    return {
        "=": one == other, ">": one > other, "<": one < other, "≥": one >= other,
        "≤": one <= other, "before": one < other, "after": one > other,
    }[operator]  # fmt: skip


test.__test__ = False  # type: ignore[attr-defined]


@pytest.fixture
def rows(dataset: Dataset, make_document: MakeDocument, import_text: ImportText) -> Dataset:
    """A row for each of VALUES, its number as its external id."""
    lines = (
        {"content": f"pump number {place}", "external_id": str(place)}
        | ({"metadata": {"it": value}} if value is not None else {})
        for place, value in enumerate(VALUES)
    )
    document = make_document(dataset, "rows", DocForm.TEXT)
    text = "\n".join(map(json.dumps, lines))
    assert import_text(document, text, "rows.jsonl").status == "completed"
    return dataset


def found(dataset: Dataset, where: SearchFilter, method: SearchMethod, **how: Any) -> set[str]:
    hits = search(dataset, "pump", method, top_k=100, where=where, **how)
    return {hit.external_id or "" for hit in hits}


def asked_of(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def test_every_operator_passes_what_the_model_passes(rows: Dataset) -> None:
    wrong = []
    for operator, asked in CASES:
        condition = Condition("it", Operator(operator), asked_of(asked))
        expected = {
            str(place) for place, value in enumerate(VALUES) if passes(value, operator, asked)
        }
        for method in METHODS:
            got = found(rows, SearchFilter(conditions=(condition,)), method)
            if got != expected:
                wrong.append((operator, asked, method, got ^ expected))
    assert not wrong
