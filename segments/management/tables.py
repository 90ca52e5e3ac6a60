"""Results as tables: imports, plans, hits, the quality of searches."""

from collections.abc import Mapping, Sequence
from textwrap import shorten
from typing import TextIO, TypeAlias, cast

from django.core.management.base import OutputWrapper
from rich.console import Console
from rich.table import Table

from datasets.models import Dataset, WeightSource
from segments.files.types import JSONValue
from segments.models.import_job import ImportStatus
from segments.search import Hit
from segments.search.evaluation import Quality
from segments.search.pseudo_questions import Curve
from segments.services.reports import ChangeReport, ImportReport, PlanReport

# Of each text of a hit; the whole is in --json.
CHARS_SHOWN = 300

Output: TypeAlias = TextIO | OutputWrapper
"""Standard output, or what a command has in its place."""


def print_table(title: str, columns: list[str], rows: list[list[str]], stream: Output) -> None:
    """A table as wide as the terminal, or as wide as needed in a pipe."""
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*row)
    width = None if stream.isatty() else 120
    file = cast("TextIO", stream)
    console = Console(file=file, width=width, markup=False, emoji=False, highlight=False)
    with console.capture() as drawn:
        console.print(table)
    stream.write(drawn.get())  # at once: a command's own stream ends each piece with a newline


def _print_plan(plan: PlanReport, stream: Output) -> None:
    """What an import would do: in numbers, and its first changes before and after."""
    counts = [
        ["mode", plan.mode],
        ["to create", f"{plan.created:,}"],
        ["to update", f"{plan.updated:,}"],
        ["unchanged", f"{plan.unchanged:,}"],
        ["to remove", f"{plan.removed:,}"],
        ["tokens to embed", f"{plan.tokens_to_embed:,}"],
    ]
    if plan.cost is not None:
        counts.append(["cost", f"up to {plan.cost}"])
    print_table("Plan", ["", ""], counts, stream)
    changes = [
        [change.kind, _place(change), _parts(change.before), _parts(change.after)]
        for change in plan.changes
    ]
    if changes:
        print_table("First changes", ["", "where", "before", "after"], changes, stream)


def _place(change: ChangeReport) -> str:
    places = [f"line {change.line}" if change.line else "", f"#{change.position or ''}"]
    return " → ".join(place for place in places if place.strip("#"))


def _parts(parts: Mapping[str, JSONValue] | None) -> str:
    return "\n".join(f"{part}: {value}" for part, value in (parts or {}).items() if value)


def print_import(report: ImportReport, stream: Output) -> None:
    """The outcome of an import or a dry run: its counts, its rate, and its bad rows.

    Nothing of one that did not begin: there is only the reason to tell.
    """
    if not report.has_begun:
        return
    rows = report.rows
    total = report.seconds.total
    counts = [
        ["status", report.status],
        ["rows", f"{rows:,}"],
        ["created", f"{report.created:,}"],
        ["updated", f"{report.updated:,}"],
        ["skipped", f"{report.skipped:,}"],
        ["deleted", f"{report.deleted:,}"],
        ["bad rows", f"{report.failed:,}"],
        ["embedded", f"{report.embedded:,}"],
        ["vectors reused", f"{report.reused:,}"],
        ["tokens", f"{report.tokens:,}"],
        *_billed(report),
        ["seconds", f"{total:,.2f}"],
        ["rows per second", f"{rows / total:,.0f}" if total and report.is_success else "–"],
    ]
    print_table("Import", ["", ""], counts, stream)
    if report.plan and report.error is None:
        _print_plan(report.plan, stream)
    if report.errors:
        bad = [[str(e.line), e.column, e.value, e.reason] for e in report.errors]
        print_table("Bad rows", ["line", "column", "value", "reason"], bad, stream)


def why_it_failed(report: ImportReport) -> str:
    """The last line of a command that exits with 1; of an interrupted import, how to resume it."""
    why = report.error or report.status
    if report.status != ImportStatus.INTERRUPTED:
        return why
    return f"{why} Resume it now with: manage.py resume_import {report.job_id}"


def _billed(report: ImportReport) -> list[list[str]]:
    """What an endpoint was asked and bills, or would at most; nothing where there is none."""
    lines = []
    if report.requests:
        lines.append(["requests", f"{report.requests:,}"])
        lines.append(["tokens billed", f"{report.tokens_billed:,}"])
    if report.cost:
        lines.append(["cost", f"{report.cost:,.6f}"])
    return lines


def print_hits(hits: Sequence[Hit], stream: TextIO) -> None:
    """Found segments, best first, with where they stand; long texts are cut."""
    if not hits:
        stream.write("Nothing found.\n")
        return
    rows = [
        [f"{hit.score:.3f}", f"{hit.document}\n{hit.position}", _text(hit.content, hit.answer)]
        for hit in hits
    ]
    print_table("Hits", ["score", "document, position", "segment"], rows, stream)


def _text(content: str, answer: str | None) -> str:
    return "\n→ ".join(shorten(text, CHARS_SHOWN) for text in (content, answer) if text)


def print_quality(qualities: Mapping[str, Quality], stream: TextIO) -> None:
    """How good each method is, a line a method."""
    rows = [
        [
            method,
            f"{quality.ndcg_at_10:.3f}",
            f"{quality.recall_at_10:.3f}",
            f"{quality.mrr_at_10:.3f}",
            f"{quality.median_ms:,.1f}",
        ]
        for method, quality in qualities.items()
    ]
    columns = ["method", "nDCG@10", "recall@10", "MRR@10", "ms a search"]
    print_table("Quality of search", columns, rows, stream)


def print_curve(curve: Curve, stream: TextIO) -> None:
    """nDCG@10 of hybrid by semantic weight; the best is marked."""
    best = max(curve.scores)
    rows = [
        [f"{weight:.2f}", f"{score:.3f}" + (" ←" if score == best else "")]
        for weight, score in curve.points()
    ]
    print_table("Hybrid by semantic weight", ["weight", "nDCG@10"], rows, stream)


def print_weight(dataset: Dataset, stream: TextIO) -> None:
    """A dataset's semantic weight, and where it comes from; nothing where there is none."""
    if dataset.has_vectors:
        source = WeightSource(dataset.semantic_weight_source).label.lower()
        stream.write(f"Semantic weight: {dataset.semantic_weight:.2f} ({source})\n")
