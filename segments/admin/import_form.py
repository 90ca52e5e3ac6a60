"""The import form: its options, and the preview of the file."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Self

from django.http import QueryDict

from segments.files.columns import ALIASES, Columns
from segments.files.options import ImportOptions
from segments.files.types import RowProblem, SegmentRow, Source
from segments.imports.dry_run import DryRun
from segments.imports.plan import Plan
from segments.imports.prepare_stats import sync_refusal
from segments.models.import_job import EmbedWhen, ImportMode, OnError

# Parts that a column may be chosen for; the others come with exports only.
PARTS = ("content", "answer", "keywords", "external_id", "enabled", "metadata")
ENCODINGS = (
    *("utf-8", "utf-16", "windows-1252", "windows-1250", "windows-1251", "gb18030", "big5"),
    *("shift-jis", "euc-jp", "euc-kr", "iso-8859-15", "koi8-r", "cp850"),
)
DELIMITERS = ("comma", "semicolon", "tab", "pipe")


@dataclass(frozen=True, slots=True)
class Choice:
    """A value that may be chosen, and what it is called."""

    value: str
    label: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class PartChoice:
    """A part of a segment, and the columns that may be it; the values are those of `map`.

    `found` is the column that it is taken from if none is chosen, as far as that is known.
    """

    part: str
    found: str
    columns: list[Choice]


def options_from(given: QueryDict) -> ImportOptions:
    """The options out of a form or an address; what is left empty is found out or usual.

    Raises:
        OptionRefused: a value cannot be used; the text says which.
    """
    known = {option.name for option in fields(ImportOptions)}
    values: dict[str, object] = {
        name: given[name] for name in known & given.keys() if given[name] and name != "map"
    }
    values["map"] = [pair for pair in given.getlist("map") if pair]
    return ImportOptions.from_fields(values)


def given_fields(given: QueryDict) -> list[tuple[str, str]]:
    """The options as they were given, for a form to carry along."""
    known = {option.name for option in fields(ImportOptions)}
    return [
        (name, value) for name in known & given.keys() for value in given.getlist(name) if value
    ]


def part_choices(header: Sequence[str], uses: Sequence[str]) -> list[PartChoice]:
    """For each part the columns of the file, with the one that it is taken from now."""
    taken = dict(zip(uses, header, strict=False))
    return [
        PartChoice(
            part,
            taken.get(part, ""),
            [
                Choice(f"{part}={name}", name, taken.get(part) == name)
                for name in header
                if name.strip()
            ],
        )
        for part in PARTS
        if part in ALIASES
    ]


def mode_choices(options: ImportOptions) -> list[Choice]:
    """What an import may do with segments that are there."""
    return [Choice(mode.value, mode.label, options.mode == mode) for mode in ImportMode]


def error_choices(options: ImportOptions) -> list[Choice]:
    """What bad rows may do to an import."""
    return [Choice(word.value, word.label, options.on_error == word) for word in OnError]


def embed_choices(options: ImportOptions) -> list[Choice]:
    """When rows may get their vectors."""
    return [Choice(word.value, word.label, options.embed == word) for word in EmbedWhen]


PROBLEMS_SHOWN = 50


@dataclass(frozen=True, slots=True)
class ColumnUse:
    """A column of the file, and what it becomes; `use` is empty for one that is not used."""

    name: str
    use: str


@dataclass(frozen=True, slots=True)
class Preview:
    """A file in figures, columns and examples.

    All figures are of the rows looked at. Where `is_partial`, `share` says in percent how much
    of the file they are, and `rows_expected` how many rows the whole has at that rate.
    """

    rows: int
    good: int
    failed: int
    tokens: int
    reused: int
    to_embed: int
    columns: list[ColumnUse]
    sample: list[SegmentRow]
    has_answers: bool
    problems: list[RowProblem]
    notices: list[str]
    is_partial: bool
    share: float
    rows_expected: int
    plan: Plan
    source: Source
    uses: tuple[str, ...]
    refusal: str

    @classmethod
    def of(cls, found: DryRun, file_bytes: int) -> Self:
        """The preview of an examined file."""
        good = found.rows - found.failed
        share = min(found.bytes_read / max(file_bytes, 1), 1.0) if found.is_partial else 1.0
        return cls(
            rows=found.rows,
            good=good,
            failed=found.failed,
            tokens=found.tokens,
            reused=found.reused,
            to_embed=good - found.reused,
            columns=_uses(found.columns),
            sample=found.sample,
            has_answers=found.columns.answer is not None,
            problems=found.problems[:PROBLEMS_SHOWN],
            notices=found.notices,
            is_partial=found.is_partial,
            share=100 * share,
            rows_expected=round(found.rows / share) if share else found.rows,
            plan=found.plan,
            source=found.source,
            uses=found.columns.uses,
            refusal=_refusal(found),
        )

    @property
    def problems_unshown(self) -> bool:
        """Whether there are more bad rows than shown."""
        return self.failed > len({problem.line for problem in self.problems})


def _refusal(found: DryRun) -> str:
    """Why the file cannot be imported as it is; bad rows are left out, unless it is a sync."""
    if not found.failed:
        return found.refusal
    return sync_refusal(found.failed) if found.plan.mode == ImportMode.SYNC else ""


def _uses(columns: Columns) -> list[ColumnUse]:
    uses: dict[int | None, str] = {
        columns.content: "question" if columns.answer is not None else "content",
        columns.answer: "answer",
        columns.keywords: "keywords",
        columns.external_id: "external id",
        columns.enabled: "switched on or off",
        **{place: f"metadata “{key}”" for key, place in columns.metadata},
    }
    return [
        ColumnUse(name or f"(column {place + 1}, without a name)", uses.get(place, ""))
        for place, name in enumerate(columns.names)
    ]
