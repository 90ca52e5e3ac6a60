"""What an import would do to its document: counts, sample changes and cost."""

import json
from contextlib import nullcontext
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.db import connection, transaction

from segments.db.transactions import planner_settings
from segments.exceptions import BudgetExceeded, OptionRefused
from segments.files.options import ImportMode, ImportOptions
from segments.files.types import JSONValue, shown
from segments.imports.merge import (
    NO_LOOPS,
    UNMATCHED_ROW,
    UNMATCHED_SEGMENT,
    MergeSpec,
    targets,
)
from segments.imports.staging import SAME_TEXT

# How many changes of each kind are shown.
CHANGES_SHOWN = 10
TOKENS_PER_PRICE = 1_000_000

TOKENS_TO_EMBED = f"""
    SELECT count(*), coalesce(sum(s.tokens), 0)
    FROM segments_stagedrow s
    WHERE s.job_id = %(job)s
        AND NOT EXISTS (
            SELECT FROM segments_stagedmatch m
            WHERE m.job_id = s.job_id AND m."row" = s."row" AND NOT m.needs_vector)
        AND NOT EXISTS (
            SELECT FROM segments_documentsegment d
            WHERE d.dataset_id = %(dataset)s AND {SAME_TEXT}
                AND d.embedding IS NOT NULL)
"""
SHOWN_PARTS = ("content", "answer", "keywords", "external_id", "metadata", "enabled")


def _columns(table: str) -> str:
    return ", ".join(f"{table}.{part}" for part in SHOWN_PARTS)


CREATED = f"""
    SELECT s.line, NULL::int, {_columns("s")} FROM segments_stagedrow s
    WHERE {UNMATCHED_ROW} ORDER BY s.row LIMIT %(most)s
"""
REMOVED = f"""
    SELECT NULL::int, d.position, {_columns("d")} FROM segments_documentsegment d
    WHERE {UNMATCHED_SEGMENT} ORDER BY d.position LIMIT %(most)s
"""


def _changed_and_same(spec: MergeSpec) -> str:
    return f"""
        SELECT count(*) FILTER (WHERE is_changed), count(*) FILTER (WHERE NOT is_changed)
        FROM ({targets(spec)}) t
    """


def _updated(spec: MergeSpec) -> str:
    return f"""
        SELECT t.line, t.old_position, {_columns("d")}, {_columns("t")}
        FROM ({targets(spec)}) t JOIN segments_documentsegment d ON d.id = t.segment_id
        WHERE t.is_changed ORDER BY t."row" LIMIT %(most)s
    """


Parts = dict[str, JSONValue]


@dataclass(frozen=True, slots=True)
class Change:
    """A segment before and after: `before` is None for a new one, `after` for a removed one.

    `line` is the line in the file, `position` the one in the document; texts are cut to the
    length shown. An update has only the parts that differ.
    """

    kind: str
    line: int | None
    position: int | None
    before: Parts | None
    after: Parts | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What an import would do, each row counted once; `unchanged` segments are left alone.

    `rows_to_embed` and `tokens_to_embed` are upper bounds on what has to be paid for: equal new
    texts are counted as often as they occur in the file. `cost` is None without a price.
    """

    mode: ImportMode = ImportMode.APPEND
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    removed: int = 0
    rows_to_embed: int = 0
    tokens_to_embed: int = 0
    cost: Decimal | None = None
    changes: list[Change] = field(default_factory=list)


def make_plan(
    spec: MergeSpec,
    price: Decimal | None,
    *,
    with_changes: bool = True,
    with_removals: bool = True,
) -> Plan:
    """The plan of an import whose rows are staged and matched; `price` is per million tokens."""
    created, updated, unchanged, removed = _counts(spec)
    rows, tokens = tokens_to_embed(spec)
    return Plan(
        mode=spec.mode,
        created=created,
        updated=updated,
        unchanged=unchanged,
        removed=removed if with_removals else 0,
        rows_to_embed=rows,
        tokens_to_embed=tokens,
        cost=cost_of(tokens, price),
        changes=_changes(spec, with_removals) if with_changes else [],
    )


def tokens_to_embed(spec: MergeSpec) -> tuple[int, int]:
    """How many rows need a new vector, and how many tokens they have; upper bounds."""
    if not spec.has_vectors:
        return 0, 0
    rows, tokens = _fetch(TOKENS_TO_EMBED, spec)[0]
    return int(rows), int(tokens)


def cost_of(tokens: int, price: Decimal | None) -> Decimal | None:
    """The cost of embedding `tokens`, in the currency of `price` (per million); None without."""
    return None if price is None else price * tokens / TOKENS_PER_PRICE


def refuse_over_budget(spec: MergeSpec, options: ImportOptions, price: Decimal | None) -> None:
    """Refuse an import that would exceed its limits, before anything is paid for.

    Raises:
        BudgetExceeded: the tokens or their cost exceed what the options allow.
        OptionRefused: a cost limit is given, but the model has no price.
    """
    if options.max_tokens is None and options.max_cost is None:
        return
    tokens = tokens_to_embed(spec)[1]
    if options.max_tokens is not None and tokens > options.max_tokens:
        raise BudgetExceeded(
            f"Up to {tokens:,} tokens would have to be embedded; {options.max_tokens:,} are "
            "allowed (max_tokens). Raise it, or import fewer rows."
        )
    if options.max_cost is None:
        return
    cost = cost_of(tokens, price)
    if cost is None:
        raise OptionRefused(
            "max_cost",
            "the model has no price.",
            "Set the model's price (SEGMILL_EMBEDDING_PRICE), or use max_tokens.",
        )
    if cost > options.max_cost:
        raise BudgetExceeded(
            f"Embedding up to {tokens:,} tokens would cost {cost:f}; {options.max_cost:f} is "
            "allowed (max_cost). Raise it, or import fewer rows."
        )


def _counts(spec: MergeSpec) -> tuple[int, int, int, int]:
    """How many rows create, update and change nothing, and how many segments are removed."""
    created = _count(f"segments_stagedrow s WHERE {UNMATCHED_ROW}", spec)
    changed, same = _fetch_targets(_changed_and_same(spec), spec)[0]
    if not spec.updates:
        changed, same = 0, changed + same
    removed = 0
    if spec.removes:
        removed = _count(f"segments_documentsegment d WHERE {UNMATCHED_SEGMENT}", spec)
    return created, changed, same, removed


def _changes(spec: MergeSpec, with_removals: bool) -> list[Change]:
    """The first changes of each kind."""
    changes: list[Change] = []
    if spec.updates:
        changes += [_update(row) for row in _fetch_targets(_updated(spec), spec)]
    for row in _fetch(CREATED, spec):
        changes.append(Change("create", row[0], None, None, _parts(row[2:])))
    if spec.removes and with_removals:
        for row in _fetch(REMOVED, spec):
            changes.append(Change("remove", None, row[1], _parts(row[2:]), None))
    return changes


def _update(row: tuple[Any, ...]) -> Change:
    old, new = row[2 : 2 + len(SHOWN_PARTS)], row[2 + len(SHOWN_PARTS) :]
    different = [part for part, was, is_ in zip(SHOWN_PARTS, old, new, strict=True) if was != is_]
    before, after = _parts(old), _parts(new)
    return Change(
        "update",
        row[0],
        row[1],
        {part: before[part] for part in different},
        {part: after[part] for part in different},
    )


def _parts(values: tuple[Any, ...]) -> Parts:
    parts: Parts = dict(zip(SHOWN_PARTS, values, strict=True))
    parts["metadata"] = json.loads(str(parts["metadata"]))
    for part in ("content", "answer"):
        text = parts[part]
        parts[part] = shown(text) if isinstance(text, str) else text
    return parts


@transaction.atomic(savepoint=False)
def _fetch_targets(statement: str, spec: MergeSpec) -> list[tuple[Any, ...]]:
    """As `_fetch`, for a statement over the targets; in a replacement they are numbered."""
    with planner_settings(NO_LOOPS) if spec.replaces else nullcontext():
        return _fetch(statement, spec)


def _count(what: str, spec: MergeSpec) -> int:
    return int(_fetch(f"SELECT count(*) FROM {what}", spec)[0][0])


def _fetch(statement: str, spec: MergeSpec) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, spec.parameters | {"most": CHANGES_SHOWN})
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows
