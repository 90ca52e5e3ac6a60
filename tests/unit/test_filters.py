"""Filters as people type them and as Dify's clients send them; what is refused, and how."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segments.exceptions import FilterRefused
from segments.search.filter_values import number_of, seconds_of
from segments.search.filters import (
    MAX_CONDITIONS,
    MAX_VALUES,
    Condition,
    LogicalOperator,
    Operator,
    SearchFilter,
    conditions_of,
    typed_condition,
)


@pytest.mark.parametrize(
    ("typed", "name", "operator", "value"),
    [
        ("price >= 10", "price", "≥", "10"),
        ("price>=10", "price", "≥", "10"),
        ("price ≥ 10", "price", "≥", "10"),
        ("price = -1.5", "price", "=", "-1.5"),
        ("price != 3", "price", "≠", "3"),
        ("  category is  Teile ", "category", "is", "Teile"),
        ("category is not Teile und mehr", "category", "is not", "Teile und mehr"),
        ("Preis netto < 5", "Preis netto", "<", "5"),
        ("title contains is", "title", "contains", "is"),
        ("title does not contain x", "title", "not contains", "x"),
        ("title starts with A=b", "title", "start with", "A=b"),
        ("title END WITH z", "title", "end with", "z"),
        ('"is it" is "a, b"', "is it", "is", "a, b"),
        ("size in S, M", "size", "in", ("S", "M")),
        ('size not in "S, M",L', "size", "not in", ("S, M", "L")),
        ("size is empty", "size", "empty", None),
        ("size is not empty", "size", "not empty", None),
        ("size empty", "size", "empty", None),
        ('size is "empty"', "size", "is", "empty"),
        ("date before 2024-05-31", "date", "before", "2024-05-31"),
        ("isbn is 3", "isbn", "is", "3"),
        ("价格 ≤ 5", "价格", "≤", "5"),
    ],
)
def test_conditions_are_read_as_people_type_them(
    typed: str, name: str, operator: str, value: Any
) -> None:
    assert typed_condition(typed) == Condition(name, Operator(operator), value)


@pytest.mark.parametrize(
    ("typed", "complaint"),
    [
        ("", "is not a condition"),
        ("price", "is not a condition"),
        ("> 5", "is not a condition"),
        ("price like 5", "is not a condition"),
        ("price >", "“price”: “>” needs a value"),
        ("price > much", "“price”: > compares numbers and times; “much” is neither"),
        ("date before soon", "“soon” is neither"),
        ("price is", "“price”: “is” needs a value"),
        ("price in ,", "“price”: in needs values"),
        ("price empty 5", "empty takes no value"),
        ("price is a\0b", "without NUL"),
        ("price is " + "x" * 1001, "at most 1,000 characters"),
    ],
)
def test_what_cannot_be_read_is_refused(typed: str, complaint: str) -> None:
    with pytest.raises(FilterRefused) as refused:
        typed_condition(typed)

    assert complaint in str(refused.value)


@pytest.mark.parametrize(
    ("sent", "complaint"),
    [
        ("price > 5", "is not an object"),
        ({"conditions": "price"}, "is not a list"),
        ({"conditions": ["price"]}, "“price” is not a condition"),
        ({"conditions": [{"name": "a"}]}, "comparison_operator is missing"),
        ({"conditions": [{"name": 1, "comparison_operator": "is"}]}, "name is missing"),
        ({"conditions": [{"name": " ", "comparison_operator": "is", "value": 1}]}, "no name"),
        (
            {"conditions": [{"name": "a", "comparison_operator": "like", "value": 1}]},
            "“a”: there is no operator “like”. Use one of: contains, not contains",
        ),
        ({"conditions": [], "logical_operator": "xor"}, "no logical operator “xor”"),
        (
            {"conditions": [{"name": "a", "comparison_operator": "is", "value": "b"}] * 1000},
            f"conditions: there are 1,000; at most {MAX_CONDITIONS} are allowed",
        ),
    ],
)
def test_another_form_is_refused(sent: Any, complaint: str) -> None:
    with pytest.raises(FilterRefused) as refused:
        conditions_of(sent)

    assert complaint in str(refused.value)


@pytest.mark.parametrize("value", [None, "", {"a": 1}, ("a", "b"), float("nan"), float("inf")])
def test_a_value_of_another_type_is_refused(value: Any) -> None:
    with pytest.raises(FilterRefused):
        Condition("price", Operator.IS, value)


@pytest.mark.parametrize("value", [None, "", (None,), ([],), ("x",) * (MAX_VALUES + 1)])
def test_a_list_of_other_values_is_refused(value: Any) -> None:
    with pytest.raises(FilterRefused):
        Condition("price", Operator.IN, value)


@pytest.mark.parametrize("value", [True, "soon", "2024-02-30", "10 EUR"])
@pytest.mark.parametrize("operator", [">", "<", "≥", "≤", "before", "after"])
def test_only_numbers_and_times_have_an_order(operator: str, value: Any) -> None:
    with pytest.raises(FilterRefused):
        Condition("price", Operator(operator), value)


@pytest.mark.parametrize(
    "wanted",
    [
        {"documents": ("x",) * (MAX_VALUES + 1)},
        {"external_ids": ("a\0",)},
        {"keywords": (5,)},
        {"conditions": (Condition("a", Operator.EMPTY),) * (MAX_CONDITIONS + 1)},
        {"logical_operator": "xor"},
    ],
)
def test_a_filter_out_of_bounds_is_refused(wanted: dict[str, Any]) -> None:
    with pytest.raises(FilterRefused):
        SearchFilter(**wanted)


def test_a_program_may_spell_operators() -> None:
    condition = Condition("price", ">=", 10)  # type: ignore[arg-type]

    assert condition == Condition("price", Operator.AT_LEAST, 10)
    assert str(condition) == "price ≥ 10"


def test_dify_sends_values_as_texts_numbers_and_lists() -> None:
    sent = [
        {"id": "1", "name": "a", "comparison_operator": "in", "value": "x, y"},
        {"id": "2", "name": "b", "comparison_operator": "≠", "value": 5},
        {"id": "3", "name": "c", "comparison_operator": "not empty", "value": ""},
        {"id": "4", "name": "d", "comparison_operator": "not in", "value": []},
    ]

    conditions, joined = conditions_of({"logical_operator": "or", "conditions": sent})

    assert joined == LogicalOperator.OR
    assert [each.value for each in conditions] == [("x", "y"), 5, None, ()]


@pytest.mark.parametrize("nothing", [None, {}, [], {"conditions": []}, {"conditions": None}])
def test_no_condition_is_none(nothing: Any) -> None:
    assert conditions_of(nothing) == ((), LogicalOperator.AND)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-02", 86_400),
        ("02.01.1970", 86_400),
        ("2.1.1970 00:00", 86_400),
        ("1970/01/02 01:00:00.5+01:00", Decimal("86400.5")),
        ("1970-01-01T23:30-00:30", 86_400),
        ("1969-12-31", -86_400),
        (" 5 ", 5),
        ("1970-13-01", None),
        ("29.02.2023", None),
        ("1970-01-02T24:00", None),
        ("May 1970", None),
        ("１９７０-01-02", None),
    ],
)
def test_times_are_read_in_usual_forms(text: str, seconds: Decimal | None) -> None:
    assert seconds_of(text) == seconds


@given(st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**9)))
def test_numbers_are_read_as_they_are_written(number: Decimal) -> None:
    assert number_of(str(number)) == (number if len(str(number)) <= 64 else None)


@given(st.text())
def test_any_text_is_a_condition_or_refused(text: str) -> None:
    try:
        condition = typed_condition(text)
    except FilterRefused:
        return
    assert condition.name.strip()
