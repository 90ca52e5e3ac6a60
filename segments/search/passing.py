"""Which segments of a generation pass a filter: a mask over its ordinals, in milliseconds.

What the segments themselves have is asked of the generation's part `values`, which never changes,
so a process keeps the masks of the conditions that were asked for lately. What their documents
have is looked up each time. A mask chooses candidates; statements that look at the segments
apply the filter again (`segments.search.filter_sql`).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt

from datasets.models import Dataset
from segments.indexing.tables import ENTRIES, VALUES, table_of
from segments.indexing.values import (
    ALL,
    DOCUMENT,
    INDEXED_CHARS,
    KEYWORD,
    METADATA,
    NAMED,
)
from segments.search.filter_sql import (
    Parameters,
    Readings,
    document_values,
    equals_any,
    test_of,
)
from segments.search.filters import (
    WITHOUT_VALUE,
    Condition,
    LogicalOperator,
    Operator,
    SearchFilter,
)
from segments.search.postings import keep, kept, ordinals_of, read_if_there

Mask = npt.NDArray[np.bool_]

# Values of fewer segments are put together by PostgreSQL, others are read each by itself.
MANY_ROWS = 64
READ = f"""
    SELECT array_send(ordinals) FROM {{values}}
    WHERE kind = %(kind)s AND name = %(name)s AND rows >= {MANY_ROWS} AND ({{test}})
    UNION ALL
    SELECT array_send(array_agg(ordinal))
    FROM {{values}} CROSS JOIN LATERAL unnest(ordinals) AS ordinal
    WHERE kind = %(kind)s AND name = %(name)s AND rows < {MANY_ROWS} AND ({{test}})
"""
COUNT = f"SELECT rows FROM {{values}} WHERE kind = '{ALL}'"
# Of the values of a generation: as `Readings.of` reads texts.
READINGS = Readings(
    "value", "amount", "amount", "is_number", f"left(value, {INDEXED_CHARS})", INDEXED_CHARS
)
DOCUMENTS = """
    SELECT d.id::text, d_values.listed IS NOT NULL,
        EXISTS (SELECT FROM unnest(d_values.listed) AS value WHERE {test})
    FROM datasets_document AS d
    CROSS JOIN LATERAL (SELECT {values} AS listed) AS d_values
    WHERE d.dataset_id = %(dataset)s
"""
BY_SEGMENT = """
    SELECT array_send(array_agg(entry.ordinal))
    FROM datasets_document AS d
    JOIN segments_documentsegment AS s ON s.document_id = d.id
    JOIN {entries} AS entry ON entry.segment_id = s.id
    WHERE d.dataset_id = %(dataset)s AND {test}
"""


class _Gone(Exception):
    """A table of the generation is not there."""


def mask_of(dataset: Dataset, generation_id: UUID, where: SearchFilter) -> Mask | None:
    """Which ordinals of a generation pass the filter; None if its tables are gone."""
    try:
        return _Generation(dataset, generation_id).passing(where)
    except _Gone:
        return None


@dataclass(frozen=True, slots=True)
class _Generation:
    """A generation that is asked."""

    dataset: Dataset
    pk: UUID

    def passing(self, where: SearchFilter) -> Mask:
        """The mask of a filter."""
        masks = list(self._listed(where))
        if where.conditions:
            join = (
                np.logical_and if where.logical_operator == LogicalOperator.AND else np.logical_or
            )
            masks.append(reduce(join, (self._condition(each) for each in where.conditions)))
        return reduce(np.logical_and, masks) if masks else np.ones(self._size(), np.bool_)

    def _listed(self, where: SearchFilter) -> Iterator[Mask]:
        if where.documents is not None:
            yield self._any_of(DOCUMENT, map(str, where.documents))
        if where.keywords is not None:
            yield self._any_of(KEYWORD, where.keywords)
        if where.external_ids is not None:
            listed = {"listed": list(where.external_ids)}
            yield self._by_segment("s.external_id = ANY(%(listed)s::text[])", listed)
        if where.enabled is False:
            yield self._by_segment("NOT s.enabled", {})

    def _condition(self, condition: Condition) -> Mask:
        """The segments whose own values pass; else, where they have none, by their documents'."""
        positive = condition.opposite if condition.is_negated else condition
        named = self._kept(NAMED, condition.name, "TRUE", Parameters())
        wants_any = condition.operator in WITHOUT_VALUE
        found = named if wants_any else self._own(positive)
        if not named.all():
            has, passes = self._by_document(positive, wants_any=wants_any)
            found = found | (passes & ~named)
            named = named | has
        if condition.operator == Operator.EMPTY:
            return ~named
        return named & ~found if condition.is_negated else found

    def _own(self, condition: Condition) -> Mask:
        """The segments whose own values pass."""
        parameters = Parameters()
        test = test_of(condition, READINGS, parameters)
        return self._kept(METADATA, condition.name, test, parameters)

    def _by_document(self, condition: Condition, *, wants_any: bool) -> tuple[Mask, Mask]:
        """The segments whose documents have a value, and those whose documents' value passes."""
        parameters = Parameters()
        name = parameters.add(condition.name, "text")
        test = "TRUE" if wants_any else test_of(condition, Readings.of("value"), parameters)
        values = document_values(condition.name, name)
        about = parameters.values | {"dataset": self.dataset.pk}
        rows = self._read(DOCUMENTS.format(values=values, test=test), about)
        have = [row[0] for row in rows if row[1]]
        pass_ = [row[0] for row in rows if row[2]]
        return self._any_of(DOCUMENT, have), self._any_of(DOCUMENT, pass_)

    def _any_of(self, kind: str, values: Iterable[str]) -> Mask:
        listed = list(values)
        if not listed:
            return np.zeros(self._size(), np.bool_)
        parameters = Parameters()
        return self._kept(kind, "", equals_any(listed, READINGS, parameters), parameters)

    def _kept(self, kind: str, name: str, test: str, parameters: Parameters) -> Mask:
        """The segments with a value that passes a test, read once in a process."""
        key = (self.pk, "\0".join(("", kind, name, test, repr(parameters.values))))
        packed: npt.NDArray[np.uint8] | None = kept(key)
        if packed is None:
            about = {"kind": kind, "name": name, **parameters.values}
            rows = self._read(READ.format(values=self._values, test=test), about)
            mask = self._mask(sent for (sent,) in rows if sent is not None)
            packed = np.packbits(mask)
            keep(key, packed, packed.nbytes + 2 * len(key[1]))
            return mask
        return np.unpackbits(packed, count=self._size()).view(np.bool_)

    def _by_segment(self, test: str, parameters: Mapping[str, Any]) -> Mask:
        """By what may change without a new version of the segment: looked up each time."""
        statement = BY_SEGMENT.format(entries=table_of(ENTRIES, self.pk), test=test)
        rows = self._read(statement, {"dataset": self.dataset.pk, **parameters})
        return self._mask(sent for (sent,) in rows if sent is not None)

    def _mask(self, sent: Iterable[memoryview]) -> Mask:
        mask = np.zeros(self._size(), np.bool_)
        for ordinals in sent:
            mask[ordinals_of(ordinals)] = True
        return mask

    def _size(self) -> int:
        key = (self.pk, "\0size")
        size: int | None = kept(key)
        if size is None:
            ((size,),) = self._read(COUNT.format(values=self._values), {})
            keep(key, size, 0)
        return size

    @property
    def _values(self) -> str:
        return table_of(VALUES, self.pk)

    def _read(self, statement: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        rows = read_if_there(statement, parameters)
        if rows is None:
            raise _Gone
        return rows
