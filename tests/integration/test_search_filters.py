"""Filters: what passes, by every operator and kind of value, in every method."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection

from datasets.models import Dataset, DocForm, Document
from segments.indexing import plan, tables
from segments.indexing.state import generations_of
from segments.indexing.tables import table_of
from segments.models import DocumentSegment
from segments.search import (
    Condition,
    LogicalOperator,
    Operator,
    SearchFilter,
    SearchMethod,
    nearest,
    search,
    signatures,
)
from segments.search.filter_sql import BUILT_IN
from segments.search.filter_values import number_of, seconds_of
from segments.services import indexes, metadata

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


BY_INDEX, BY_SIGNS = "indexed, by the index alone", "indexed, by few signs"
STATES = ["no index", "indexed", BY_INDEX, BY_SIGNS, "half indexed"]


@pytest.fixture(params=STATES)
def state(
    request: pytest.FixtureRequest, rows: Dataset, monkeypatch: pytest.MonkeyPatch
) -> Dataset:
    """The rows, with an index of none, all or half of them."""
    monkeypatch.setattr(plan, "TAIL_ROWS", 1)
    if request.param != "no index":
        build_index(rows)
    if request.param in (BY_INDEX, BY_SIGNS):
        monkeypatch.setattr(nearest, "COMPARED", 3 if request.param == BY_SIGNS else 0)
        monkeypatch.setattr(nearest, "COMPARED_EACH", 0)
        monkeypatch.setattr(nearest, "MOST_COMPARED", 0)
    if request.param == BY_INDEX:
        monkeypatch.setattr(signatures, "MOST_BYTES", 0)
    if request.param == "half indexed":
        for segment in DocumentSegment.objects.filter(position__lte=len(VALUES) // 2):
            segment.content += " (new)"
            segment.save(update_fields=["content"])
    return rows


def build_index(dataset: Dataset) -> None:
    generation = indexes.run_in_foreground(indexes.start_build(dataset, background=False))
    assert generation.status == "completed"


def found(dataset: Dataset, where: SearchFilter, method: SearchMethod, **how: Any) -> set[str]:
    hits = search(dataset, "pump", method, top_k=100, where=where, **how)
    return {hit.external_id or "" for hit in hits}


def on(*conditions: tuple[str, str, Any], joined: str = "and") -> SearchFilter:
    """A filter of conditions."""
    return SearchFilter(
        conditions=tuple(
            Condition(name, Operator(operator), tuple(value) if isinstance(value, list) else value)
            for name, operator, value in conditions
        ),
        logical_operator=LogicalOperator(joined),
    )


def test_every_operator_passes_what_the_model_passes(state: Dataset) -> None:
    wrong = []
    for operator, asked in CASES:
        expected = {
            str(place) for place, value in enumerate(VALUES) if passes(value, operator, asked)
        }
        for method in METHODS:
            got = found(state, on(("it", operator, asked)), method)
            if got != expected:
                wrong.append((operator, asked, method, got ^ expected))
    assert not wrong


def test_a_filter_on_a_missing_key_passes_what_has_no_value_alone(state: Dataset) -> None:
    for method in METHODS:
        for operator, asked in [("is", "x"), ("is not", "x"), ("in", ["x"]), ("<", 5)]:
            assert found(state, on(("missing", operator, asked)), method) == set()
        assert found(state, on(("missing", "not empty", None)), method) == set()
        everything = found(state, SearchFilter(), method)
        assert found(state, on(("missing", "empty", None)), method) == everything


@pytest.mark.parametrize("method", METHODS)
def test_exact_search_applies_filters_too(rows: Dataset, method: SearchMethod) -> None:
    build_index(rows)

    assert found(rows, on(("it", "start with", "parts")), method, exact=True) == {"4"}


@pytest.fixture
def documents(
    dataset: Dataset, make_document: MakeDocument, import_text: ImportText
) -> dict[str, Document]:
    """Two documents with metadata; of their rows, one overrides it and one has an empty value."""
    made = {}
    for name, values in (("north", {"year": 2020, "kind": "north"}), ("south", {"year": 2024})):
        document = make_document(dataset, name, DocForm.TEXT)
        Document.objects.filter(pk=document.pk).update(doc_metadata=values)
        rows = (
            "content,external_id,keywords,metadata.year,enabled\n"
            f'pump,{name}-plain,red,,yes\npump,{name}-own,"red, blue",1999,yes\n'
            f"pump,{name}-off,,,no\n"
        )
        assert import_text(document, rows).status == "completed"
        made[name] = Document.objects.get(pk=document.pk)
    return made


@pytest.fixture(params=[False, True], ids=["no index", "indexed"])
def both(
    request: pytest.FixtureRequest, dataset: Dataset, documents: dict[str, Document]
) -> Dataset:
    """The dataset of the two documents."""
    if request.param:
        build_index(dataset)
    return dataset


def test_a_segments_own_value_goes_before_its_documents(both: Dataset) -> None:
    cases = [
        (on(("year", "=", 2020)), "north-plain"),
        (on(("year", "<", 2000)), "north-own south-own"),
        (on(("year", ">", 2000)), "north-plain south-plain"),
        (on(("year", "≠", 2020)), "north-own south-own south-plain"),
        (on(("kind", "is", "north")), "north-own north-plain"),
        (on(("kind", "empty", None)), "south-own south-plain"),
        (on(("kind", "not contains", "x")), "north-own north-plain"),
        (on(("document_name", "start with", "sou")), "south-own south-plain"),
        (on(("source", "is", "file_upload"), ("year", "=", 1999)), "north-own south-own"),
        (on(("upload_date", "after", "2020-01-01"), ("year", "=", 2024)), "south-plain"),
        (on(("uploader", "empty", None), ("year", "=", 2024)), "south-plain"),
        (on(("year", "=", 2020), ("year", "=", 1999), joined="or"),
         "north-own north-plain south-own"),
        (on(("year", "=", 2020), ("year", "=", 1999)), ""),
        (on(("gone", "is", "x")), ""),
        (on(("gone", "is not", "x")), ""),
        (on(("gone", "not empty", None)), ""),
        (on(("gone", "empty", None), ("year", "=", 2024)), "south-plain"),
    ]  # fmt: skip
    for where, expected in cases:
        for method in METHODS:
            got = found(both, where, method)
            assert got == set(expected.split()), (str(where.conditions), method)


def test_documents_ids_and_keywords_let_pass_any_they_list(
    both: Dataset, documents: dict[str, Document]
) -> None:
    north = documents["north"].pk
    cases = [
        (SearchFilter(documents=(north,)), "north-own north-plain"),
        (SearchFilter(documents=()), ""),
        (SearchFilter(external_ids=("north-own", "south-plain", "x")), "north-own south-plain"),
        (SearchFilter(external_ids=()), ""),
        (SearchFilter(keywords=("blue", "x")), "north-own south-own"),
        (SearchFilter(keywords=()), ""),
        (SearchFilter(keywords=("blue",), documents=(north,)), "north-own"),
        (SearchFilter(enabled=False), "north-off south-off"),
        (SearchFilter(enabled=None, documents=(north,)), "north-off north-own north-plain"),
        (SearchFilter(enabled=None), "north-off north-own north-plain south-off south-own "
         "south-plain"),
    ]  # fmt: skip
    for where, expected in cases:
        for method in METHODS:
            assert found(both, where, method) == set(expected.split()), (where, method)


@pytest.mark.parametrize("method", METHODS)
def test_changes_are_seen_by_the_next_search(
    both: Dataset, documents: dict[str, Document], method: SearchMethod
) -> None:
    new = on(("year", "=", 2030))
    assert found(both, new, method) == set()

    Document.objects.filter(name="north").update(doc_metadata={"year": 2030})
    assert found(both, new, method) == {"north-plain"}

    plain = DocumentSegment.objects.filter(external_id="south-plain")
    plain.update(metadata={"year": "2030"}, keywords=["green"])
    assert found(both, new, method) == {"north-plain", "south-plain"}
    assert found(both, SearchFilter(keywords=("green",)), method) == {"south-plain"}
    assert found(both, on(("year", "=", 2024)), method) == set()

    plain.update(external_id="renamed", enabled=False)
    assert found(both, SearchFilter(external_ids=("renamed",), enabled=None), method) == {"renamed"}
    assert found(both, SearchFilter(external_ids=("south-plain",)), method) == set()


@pytest.mark.parametrize("method", METHODS)
def test_a_lost_table_costs_speed_and_no_hit(
    dataset: Dataset, documents: dict[str, Document], method: SearchMethod
) -> None:
    build_index(dataset)
    (generation,) = generations_of(dataset)
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE {table_of(tables.VALUES, generation.pk)}")

    assert found(dataset, on(("year", "=", 2020)), method) == {"north-plain"}


@pytest.mark.parametrize("method", [SearchMethod.SEMANTIC, SearchMethod.FULL_TEXT])
def test_scores_are_those_of_a_search_without_a_filter(rows: Dataset, method: SearchMethod) -> None:
    every = {hit.external_id: hit.score for hit in search(rows, "pump 3", method, 100)}
    build_index(rows)

    hits = search(rows, "pump 3", method, 100, where=on(("it", "not empty", None)))

    assert len(hits) > 10
    for hit in hits:
        assert hit.score == pytest.approx(every[hit.external_id], rel=1e-4)


def test_the_built_in_fields_are_those_that_documents_show() -> None:
    assert set(BUILT_IN) == set(metadata.BUILT_IN)


READ_ALIKE = [
    "10", " 10 ", "1e3", "1e999", "-.5", "5.", "+7", "", ".", "1_000", "१", "0x10", "1 0",
    "2024-05-31", "2024-02-29", "2023-02-29", "2024/05/31", "2024-05/31", "31.05.2024", "1.2.2024",
    "32.01.2024", "0000-01-01", "0001-01-01", "9999-12-31 23:59:59.999999", "2024-05-31T24:00",
    "2024-05-31T12:00", "2024-05-31 12:00:00Z", "2024-05-31 12:00 +02:00", "2024-05-31T12:00-0330",
    "2024-05-31T12:00+02", "2024-05-31T12:00:60", "2024-05-31T12:00:00.1234567", "2024-05-31T",
    "2024-05-31\n", "x" * 70, "1" * 64, "1" * 65,
]  # fmt: skip


def test_what_is_asked_for_reads_as_what_is_stored(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT text, segments_number_of(text), segments_seconds_of(text) "
            "FROM unnest(%s::text[]) AS text",
            [READ_ALIKE],
        )
        rows = cursor.fetchall()

    for text, number, seconds in rows:
        assert (number_of(text), seconds_of(text)) == (number, seconds), text
