"""What preparing a file has found so far: counts, problems and a sample."""

from dataclasses import dataclass, field, replace

from datasets.wording import how_many
from segments.files.columns import Columns
from segments.files.types import CountedRow, FileDetails, RowProblem, SegmentRow

SAMPLE_ROWS = 10
# Bad rows kept for the report; all are counted, however many there are.
MAX_ROW_ERRORS = 10_000
# Characters of bad rows kept for the report that people correct and import again: enough for
# 10,000 rows of the usual length, not for 10,000 of the longest.
REPORT_CHARS = 16 * 1024 * 1024


@dataclass(slots=True)
class PrepareStats:
    """What preparing has found so far; `is_partial` if the file's last rows were not read."""

    columns: Columns
    file_details: FileDetails
    rows: int = 0
    failed: int = 0
    staged: int = 0
    tokens: int = 0
    bytes_read: int = 0
    problems: list[RowProblem] = field(default_factory=list)
    sample: list[SegmentRow] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    repeated: list[tuple[int, int]] = field(default_factory=list)
    is_partial: bool = False
    language: str = ""
    room_for_cells: int = REPORT_CHARS

    def add_problems(self, found: list[RowProblem]) -> list[RowProblem]:
        """Count the rows of `found`; returns the problems that fit into the report."""
        self.failed += len({problem.line for problem in found})
        room = MAX_ROW_ERRORS - len(self.problems)
        kept = self._with_room_for_cells(found[: max(room, 0)])
        self.problems += kept
        return kept

    def _with_room_for_cells(self, found: list[RowProblem]) -> list[RowProblem]:
        """The problems, with the cells of each row once, as long as they fit."""
        kept: list[RowProblem] = []
        for problem in found:
            is_first = not kept or kept[-1].line != problem.line
            chars = sum(map(len, problem.cells))
            if is_first and chars <= self.room_for_cells:
                self.room_for_cells -= chars
                kept.append(problem)
            else:
                kept.append(replace(problem, cells=()))
        return kept

    def add_row(self, row: CountedRow) -> None:
        """Count a good row."""
        self.staged += 1
        self.tokens += row.tokens
        if len(self.sample) < SAMPLE_ROWS:
            self.sample.append(row.segment)


def sync_refusal(failed: int) -> str:
    """Why a sync cannot skip bad rows."""
    rows = how_many(failed, "row is bad", "rows are bad")
    return (
        f"{rows}, and sync removes what the file does not have: the segments of bad rows would be "
        "lost. Fix the rows, or use upsert."
    )
