"""What is wrong with a segment, a search, or the database they are in."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Protocol

from datasets.exceptions import NotFound, SegmillError


class SegmentNotFound(NotFound):
    """No such segment of this tenant."""

    noun = "segment"
    code = "segment_not_found"


class CellProblem(Protocol):
    """What is wrong with one part of a row or a segment."""

    @property
    def column(self) -> str:
        """Which part."""
        ...

    @property
    def reason(self) -> str:
        """Why it cannot be taken, and what to do."""
        ...


class SegmentRefused(SegmillError):
    """A segment cannot be changed to what was asked; `problems` lists why, with the column."""

    code = "segment_refused"

    def __init__(self, problems: Sequence["CellProblem"]) -> None:
        self.problems = list(problems)
        super().__init__(" ".join(problem.reason for problem in problems))


class VectorExtensionMissing(SegmillError):
    """The PostgreSQL server lacks pgvector, or has one that is too old."""

    code = "vector_extension_missing"


class SearchRefused(SegmillError):
    """The search cannot be made as asked."""

    code = "search_refused"


class JudgementsRefused(SearchRefused):
    """The file of questions and relevant segments cannot be used."""

    code = "judgements_refused"


class DatabaseFailed(SegmillError):
    """The database does not answer, or not as it should."""

    code = "database_failed"
    status = HTTPStatus.SERVICE_UNAVAILABLE
