"""SearchFilter: which segments a search may find; conditions on metadata as Dify has them.

A condition names a value of the metadata: the segment's own or, where the segment has none of that
name, its document's (Dify's metadata fields, and the built-in ones such as `document_name`). A
value that is null, an empty text or an empty list counts as none.

* A segment without such a value passes `empty` and nothing else, as in Dify.
* A list passes if any of its items does; under `is not`, `not contains`, `not in` and `≠`, if none
  of its items would pass the opposite.
* Texts are compared letter by letter: case matters.
* `>`, `<`, `≥`, `≤`, `=` and `≠` compare as numbers if what is asked for reads as one (“10”), as
  times if it reads as a time (“2024-05-31”), and `=` and `≠` else as texts. Values that do not
  read so fail the comparison. `before` and `after` compare times; a number is seconds since 1970.

What cannot be understood is refused, never ignored.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import isfinite
from typing import Any, TypeAlias
from uuid import UUID

from datasets.lookup import is_storable
from segments.exceptions import FilterRefused
from segments.search.filter_values import Scalar, number_of, seconds_of

# A question has a handful; a program that builds thousands has lost count.
MAX_CONDITIONS = 100
# Of `in`, and of documents, external ids and keywords.
MAX_VALUES = 1_000
MAX_NAME_CHARS = 255
MAX_VALUE_CHARS = 1_000
SHOWN_CHARS = 60

ConditionValue: TypeAlias = Scalar | tuple[Scalar, ...] | None


class LogicalOperator(StrEnum):
    """How several conditions are joined."""

    AND = "and"
    OR = "or"


class Operator(StrEnum):
    """What a condition compares by; the names are Dify's."""

    CONTAINS = "contains"
    NOT_CONTAINS = "not contains"
    START_WITH = "start with"
    END_WITH = "end with"
    IS = "is"
    IS_NOT = "is not"
    EMPTY = "empty"
    NOT_EMPTY = "not empty"
    IN = "in"
    NOT_IN = "not in"
    EQUAL = "="
    UNEQUAL = "≠"
    ABOVE = ">"
    BELOW = "<"
    AT_LEAST = "≥"
    AT_MOST = "≤"
    BEFORE = "before"
    AFTER = "after"


SPELLINGS: Mapping[str, Operator] = {operator.value: operator for operator in Operator} | {
    "starts with": Operator.START_WITH,
    "ends with": Operator.END_WITH,
    "does not contain": Operator.NOT_CONTAINS,
    "is empty": Operator.EMPTY,
    "is not empty": Operator.NOT_EMPTY,
    "is in": Operator.IN,
    "is not in": Operator.NOT_IN,
    "==": Operator.EQUAL,
    "!=": Operator.UNEQUAL,
    "<>": Operator.UNEQUAL,
    ">=": Operator.AT_LEAST,
    "<=": Operator.AT_MOST,
}
"""The operators by all the ways that people type them."""

NEGATIONS = {
    Operator.NOT_CONTAINS: Operator.CONTAINS,
    Operator.IS_NOT: Operator.IS,
    Operator.NOT_IN: Operator.IN,
    Operator.UNEQUAL: Operator.EQUAL,
}
WITHOUT_VALUE = {Operator.EMPTY, Operator.NOT_EMPTY}
LISTS = {Operator.IN, Operator.NOT_IN}
TIMES = {Operator.BEFORE, Operator.AFTER}
ORDERS = {Operator.ABOVE, Operator.BELOW, Operator.AT_LEAST, Operator.AT_MOST}
KNOWN = ", ".join(Operator)


@dataclass(frozen=True, slots=True)
class Condition:
    """What a value of the metadata shall be. `in` takes several values, or “a, b” as Dify does.

    Raises:
        FilterRefused: an unknown operator, or a value that it cannot be compared with.
    """

    name: str
    operator: Operator
    value: ConditionValue = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "operator", operator_of(self.operator, self.name))
        _check_name(self.name)
        object.__setattr__(self, "value", _checked_value(self))

    @property
    def values(self) -> tuple[Scalar, ...]:
        """What is compared with: one value, several under `in`, none under `empty`."""
        if self.value is None:
            return ()
        return self.value if isinstance(self.value, tuple) else (self.value,)

    @property
    def is_negated(self) -> bool:
        """Whether it wants values that do not pass another condition."""
        return self.operator in NEGATIONS

    @property
    def opposite(self) -> "Condition":
        """Of a negated condition, the one that values shall not pass."""
        return Condition(self.name, NEGATIONS[self.operator], self.value)

    def __str__(self) -> str:
        shown = ", ".join(str(value) for value in self.values)
        return f"{self.name} {self.operator} {shown}".strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchFilter:
    """Which segments may be found; None does not matter, an empty tuple lets none pass.

    `documents`, `external_ids` and `keywords` want any of what they list; all that is given has
    to hold, and of `conditions` all or any, by `logical_operator`. `enabled` is usually True:
    False finds those that are switched off, None both. Documents that are switched off or
    archived are never searched.

    Raises:
        FilterRefused: there are too many conditions or values.
    """

    documents: tuple[UUID, ...] | None = None
    external_ids: tuple[str, ...] | None = None
    keywords: tuple[str, ...] | None = None
    enabled: bool | None = True
    conditions: tuple[Condition, ...] = ()
    logical_operator: LogicalOperator = LogicalOperator.AND

    def __post_init__(self) -> None:
        _check_count("conditions", self.conditions, MAX_CONDITIONS)
        for name in ("documents", "external_ids", "keywords"):
            _check_count(name, getattr(self, name) or (), MAX_VALUES)
        for name in ("external_ids", "keywords"):
            for text in getattr(self, name) or ():
                _check_text(name, text)
        object.__setattr__(self, "logical_operator", _logical(self.logical_operator))

    @property
    def is_narrow(self) -> bool:
        """Whether it leaves out anything that every search may find, or lets in more."""
        return self != ALL


def operator_of(spelled: str, name: str = "") -> Operator:
    """The operator that is spelled so.

    Raises:
        FilterRefused: there is none.
    """
    found = SPELLINGS.get(" ".join(str(spelled).lower().split()))
    if found is None:
        where = f"“{shown(name)}”: " if name else ""
        raise FilterRefused(f"{where}there is no operator “{shown(spelled)}”. Use one of: {KNOWN}.")
    return found


def conditions_of(found: Any) -> tuple[tuple[Condition, ...], LogicalOperator]:
    """Dify's `metadata_filtering_conditions`, as JSON has them; None, {} and [] have none.

    Raises:
        FilterRefused: they have another form, or one of them cannot be understood.
    """
    if found is None or found in ({}, []):
        return (), LogicalOperator.AND
    if not isinstance(found, Mapping):
        raise FilterRefused(f"“{shown(found)}” is not an object. {FORM}")
    listed = found.get("conditions") or []
    if not isinstance(listed, Sequence) or isinstance(listed, str):
        raise FilterRefused(f"conditions: “{shown(listed)}” is not a list. {FORM}")
    _check_count("conditions", listed, MAX_CONDITIONS)
    joined = _logical(found.get("logical_operator") or LogicalOperator.AND)
    return tuple(_condition(each) for each in listed), joined


FORM = (
    'Write {"logical_operator": "and", "conditions": '
    '[{"name": "price", "comparison_operator": "≥", "value": 10}]}.'
)


def _condition(found: Any) -> Condition:
    if not isinstance(found, Mapping):
        raise FilterRefused(f"“{shown(found)}” is not a condition. {FORM}")
    for key in ("name", "comparison_operator"):
        if not isinstance(found.get(key), str):
            raise FilterRefused(f"{key} is missing in “{shown(dict(found))}”. {FORM}")
    value = found.get("value")
    return Condition(
        found["name"],
        found["comparison_operator"],
        tuple(value) if isinstance(value, list) else value,
    )


_WORDS, _SIGNS = (
    "|".join(
        re.escape(spelled).replace(r"\ ", r"\s+")
        for spelled in sorted(SPELLINGS, key=len, reverse=True)
        if spelled[0].isalpha() == is_word
    )
    for is_word in (True, False)
)
TYPED = re.compile(
    rf"""\s* (?: "(?P<quoted>[^"]+)" | (?P<name>[^"\s].*?) )
    (?: \s+ (?P<word>{_WORDS}) (?=\s|$) | \s* (?P<sign>{_SIGNS}) )
    \s* (?P<value>.*?) \s*""",
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
LISTED = re.compile(r'\s*(?:"([^"]*)"|([^,]*?))\s*(?:,|$)')


def typed_condition(text: str) -> Condition:
    """A condition as people type it: `price >= 10`, `category is Parts`, `size in S, M`.

    Names and values that could be misread stand in double quotes: `"is it" is "a, b"`.

    Raises:
        FilterRefused: it cannot be read so.
    """
    found = TYPED.fullmatch(text)
    if not found:
        raise FilterRefused(
            f"“{shown(text)}” is not a condition. Write a name, an operator and a value, such as "
            f"price >= 10. Operators: {KNOWN}."
        )
    operator = operator_of(found["word"] or found["sign"])
    value: ConditionValue = _unquoted(found["value"])
    if operator in LISTS:
        value = tuple(filter(None, map(_listed, LISTED.finditer(found["value"])))) or None
    elif operator in WITHOUT_VALUE and value:
        raise FilterRefused(f"“{shown(text)}”: {operator} takes no value.")
    return Condition(found["quoted"] or found["name"], operator, value)


def _listed(found: re.Match[str]) -> str:
    return found[2] if found[1] is None else found[1]


def _unquoted(text: str) -> str:
    is_quoted = len(text) > 1 and text.startswith('"') and text.endswith('"')
    return text[1:-1] if is_quoted else text


def shown(value: object) -> str:
    """A value as a message quotes it."""
    text = str(value)
    return text[:SHOWN_CHARS] + ("…" if len(text) > SHOWN_CHARS else "")


def _logical(spelled: str) -> LogicalOperator:
    try:
        return LogicalOperator(str(spelled).lower())
    except ValueError:
        raise FilterRefused(
            f"There is no logical operator “{shown(spelled)}”. Use one of: and, or."
        ) from None


def _check_count(name: str, values: Sequence[object], most: int) -> None:
    if len(values) > most:
        raise FilterRefused(f"{name}: there are {len(values):,}; at most {most:,} are allowed.")


def _check_name(name: object) -> None:
    if not isinstance(name, str) or not name.strip():
        raise FilterRefused("A condition has no name. Name the metadata that it is about.")
    _check_text(name, name, MAX_NAME_CHARS)


def _check_text(name: str, text: object, most: int = MAX_VALUE_CHARS) -> None:
    if not isinstance(text, str) or len(text) > most or not is_storable(text):
        raise FilterRefused(
            f"“{shown(name)}”: “{shown(text)}” is not a text of at most {most:,} characters "
            "without NUL."
        )


def _checked_value(condition: Condition) -> ConditionValue:
    """The value as it is compared; several where the operator takes several."""
    operator, value = condition.operator, condition.value
    if operator in WITHOUT_VALUE:
        return None
    if operator in LISTS:
        return _checked_list(condition)
    if value is None or value == "":
        raise FilterRefused(f"“{shown(condition.name)}”: “{operator}” needs a value. Give one.")
    _check_scalar(condition, value)
    if operator in ORDERS | TIMES:
        _check_comparable(condition)
    return value


def _checked_list(condition: Condition) -> tuple[Scalar, ...]:
    value = condition.value
    if isinstance(value, str):
        value = tuple(filter(None, (part.strip() for part in value.split(",")))) or None
    if value is None:
        raise FilterRefused(f"“{shown(condition.name)}”: {condition.operator} needs values.")
    values = value if isinstance(value, tuple) else (value,)
    _check_count(f"“{shown(condition.name)}”", values, MAX_VALUES)
    for each in values:
        _check_scalar(condition, each)
    return values


def _check_scalar(condition: Condition, value: object) -> None:
    if isinstance(value, str):
        _check_text(condition.name, value)
    elif not isinstance(value, int | float) or not isfinite(value):
        raise FilterRefused(
            f"“{shown(condition.name)}”: {condition.operator} does not compare with "
            f"“{shown(value)}”. Give it a text or a number."
        )


def _check_comparable(condition: Condition) -> None:
    (value,) = condition.values
    if number_of(value) is None and seconds_of(value) is None:
        raise FilterRefused(
            f"“{shown(condition.name)}”: {condition.operator} compares numbers and times; "
            f"“{shown(value)}” is neither. Write 10, or a time such as 2024-05-31."
        )


ALL = SearchFilter()
"""The filter of those who name none."""
