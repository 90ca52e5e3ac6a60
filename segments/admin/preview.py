"""Preview: what is shown of a file before it is imported."""

from dataclasses import dataclass
from typing import Self

from segments.importing.columns import Columns
from segments.importing.examine import Examination
from segments.importing.plan import Plan
from segments.importing.tally import sync_refusal
from segments.importing.types import RowProblem, SegmentRow, Source
from segments.models.import_job import ImportMode

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
    def of(cls, found: Examination, file_bytes: int) -> Self:
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


def _refusal(found: Examination) -> str:
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
