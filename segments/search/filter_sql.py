"""What a filter says, in SQL: for a segment `s` and its document `d`.

Every statement that looks at segments applies it, so what is found passes the filter at the moment
of that statement, whatever an index has.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth import get_user_model

from datasets.models import Dataset
from segments.db.replicas import connection
from segments.search.filter_values import Scalar, number_of, seconds_of, text_of
from segments.search.filters import (
    ORDERS,
    TIMES,
    Condition,
    Operator,
    SearchFilter,
)

SIGNS = {
    Operator.EQUAL: "=",
    Operator.ABOVE: ">",
    Operator.BELOW: "<",
    Operator.AT_LEAST: ">=",
    Operator.AT_MOST: "<=",
    Operator.BEFORE: "<",
    Operator.AFTER: ">",
}
# How texts are searched in texts, without patterns: `%` and `_` are letters like others.
WITHIN = {
    Operator.CONTAINS: "strpos({value}, {asked}) > 0",
    Operator.START_WITH: "starts_with({value}, {asked})",
    Operator.END_WITH: "right({value}, length({asked})) = {asked}",
}
SCALARS = "('string', 'number', 'boolean')"
# What every document has without anybody writing it (`segments.services.metadata.BUILT_IN`).
BUILT_IN = {
    "document_name": "d.name",
    "uploader": "(SELECT {username} FROM {users} AS u WHERE u.{user_id} = d.created_by_id)",
    "upload_date": "floor(extract(epoch FROM d.created_at))::text",
    "last_update_date": "floor(extract(epoch FROM d.updated_at))::text",
    "source": "'file_upload'::text",
}


@dataclass(slots=True)
class Parameters:
    """The parameters of a statement; each value gets a name of its own."""

    values: dict[str, Any] = field(default_factory=dict)

    def add(self, value: object, kind: str) -> str:
        """The placeholder of a value of an SQL type."""
        name = f"filter_{len(self.values)}"
        self.values[name] = value
        return f"%({name})s::{kind}"


@dataclass(frozen=True, slots=True)
class Passing:
    """An SQL condition on `s` and `d`, and its parameters."""

    sql: str
    parameters: Mapping[str, Any]


def passing(wanted: SearchFilter) -> Passing:
    """What segments have to pass under a filter; never null."""
    parameters = Parameters()
    parts = list(_parts(wanted, parameters))
    if wanted.conditions:
        joint = f" {wanted.logical_operator} "
        conditions = (_condition(each, parameters) for each in wanted.conditions)
        parts.append(f"({joint.join(conditions)})")
    return Passing(" AND ".join(parts) or "TRUE", parameters.values)


def _parts(wanted: SearchFilter, parameters: Parameters) -> Iterator[str]:
    if wanted.enabled is not None:
        yield "s.enabled" if wanted.enabled else "NOT s.enabled"
    if wanted.documents is not None:
        ids = parameters.add([str(each) for each in wanted.documents], "uuid[]")
        yield f"s.document_id = ANY({ids})"
    if wanted.external_ids is not None:
        listed = parameters.add(list(wanted.external_ids), "text[]")
        yield f"coalesce(s.external_id = ANY({listed}), FALSE)"
    if wanted.keywords is not None:
        listed = parameters.add(list(wanted.keywords), "text[]")
        yield f"coalesce(s.keywords && {listed}, FALSE)"


@dataclass(frozen=True, slots=True)
class Readings:
    """A value as SQL expressions: its text, and the number and the time that it reads as.

    `number` counts where `is_number` holds. `start` is the start of the text of `start_chars`
    characters, if that is indexed.
    """

    text: str
    number: str
    seconds: str
    is_number: str = "TRUE"
    start: str = ""
    start_chars: int = 0

    @classmethod
    def of(cls, text: str) -> "Readings":
        """What functions make of the text."""
        return cls(text, f"segments_number_of({text})", f"segments_seconds_of({text})")


def _condition(condition: Condition, parameters: Parameters) -> str:
    name = parameters.add(condition.name, "text")
    own = f"segments_values_of(s.metadata, {name})"
    values = f"coalesce({own}, {document_values(condition.name, name)})"
    if condition.operator == Operator.EMPTY:
        return f"{values} IS NULL"
    if condition.operator == Operator.NOT_EMPTY:
        return f"{values} IS NOT NULL"
    positive = condition.opposite if condition.is_negated else condition
    test = test_of(positive, Readings.of("value"), parameters)
    found = f"EXISTS (SELECT FROM unnest({values}) AS value WHERE {test})"
    if condition.is_negated:
        return f"({values} IS NOT NULL AND NOT {found})"
    # The usual case, a single value, without taking it apart as a list.
    single = test_of(positive, Readings.of(f"(s.metadata ->> {name})"), parameters)
    is_single = f"jsonb_typeof(s.metadata -> {name}) IN {SCALARS} AND s.metadata ->> {name} <> ''"
    return f"CASE WHEN {is_single} THEN coalesce({single}, FALSE) ELSE {found} END"


def document_values(name: str, placeholder: str) -> str:
    """The values of the document `d` under a name, as `segments_values_of` gives them."""
    if name not in BUILT_IN:
        return f"segments_values_of(d.doc_metadata, {placeholder})"
    users = get_user_model()
    value = BUILT_IN[name].format(
        username=users.USERNAME_FIELD,
        users=users._meta.db_table,
        user_id=users._meta.pk.column,
    )
    return f"(SELECT ARRAY[built_in] FROM (SELECT {value} AS built_in) b WHERE built_in <> '')"


def test_of(condition: Condition, value: Readings, parameters: Parameters) -> str:
    """The SQL test of one value by a condition that is not negated; it may be null."""
    operator, asked = condition.operator, condition.values
    if operator in WITHIN:
        text = parameters.add(text_of(asked[0]), "text")
        return WITHIN[operator].format(value=value.text, asked=text)
    if operator in (Operator.IS, Operator.IN):
        return _is_any_of(asked, value, parameters)
    number, seconds = number_of(asked[0]), seconds_of(asked[0])
    if operator in TIMES or (number is None and seconds is not None):
        return f"{value.seconds} {SIGNS[operator]} {parameters.add(seconds, 'numeric')}"
    if operator in ORDERS or number is not None:
        asked_number = parameters.add(number, "numeric")
        return f"({value.is_number} AND {value.number} {SIGNS[operator]} {asked_number})"
    return _is_any_of(asked, value, parameters)


def _is_any_of(asked: tuple[Scalar, ...], value: Readings, parameters: Parameters) -> str:
    """Numbers are equal as numbers (10 and 10.0), all else as texts."""
    read = [(each, None if isinstance(each, str) else number_of(each)) for each in asked]
    texts = [text_of(each) for each, number in read if number is None]
    numbers = [number for _, number in read if number is not None]
    parts = []
    if numbers:
        listed = parameters.add(numbers, "numeric[]")
        parts.append(f"{value.is_number} AND {value.number} = ANY({listed})")
    if texts or not numbers:
        parts.append(equals_any(texts, value, parameters))
    return f"({' OR '.join(parts)})"


def equals_any(texts: Sequence[str], value: Readings, parameters: Parameters) -> str:
    """The SQL test whether a value is one of some texts."""
    test = f"{value.text} = ANY({parameters.add(list(texts), 'text[]')})"
    if not value.start:
        return test
    starts = parameters.add([text[: value.start_chars] for text in texts], "text[]")
    return f"({value.start} = ANY({starts}) AND {test})"


UNUSED_NAMES = """
    SELECT name FROM unnest(%(names)s::text[]) AS name
    WHERE NOT EXISTS (
        SELECT FROM datasets_document AS d WHERE d.dataset_id = %(dataset)s AND doc_metadata ? name)
    AND NOT EXISTS (
        SELECT FROM segments_documentsegment AS s
        WHERE s.dataset_id = %(dataset)s AND s.metadata ? name)
    ORDER BY name
"""


def unused_names(dataset: Dataset, where: SearchFilter) -> list[str]:
    """Names of conditions that no metadata of the dataset has: misspelt, perhaps.

    Where there are any, this reads all of its segments.
    """
    names = {condition.name for condition in where.conditions}.difference(BUILT_IN)
    if not names:
        return []
    with connection.cursor() as cursor:
        cursor.execute(UNUSED_NAMES, {"names": sorted(names), "dataset": dataset.pk})
        return [name for (name,) in cursor.fetchall()]
