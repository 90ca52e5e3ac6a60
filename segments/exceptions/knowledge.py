"""What can be wrong with a segment, a search, or the database."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Protocol

from datasets.exceptions import NotFound, SegmillError


class SegmentNotFound(NotFound):
    """This tenant has no such segment."""

    noun = "segment"
    code = "segment_not_found"


class CellProblem(Protocol):
    """What is wrong with one part of a row or a segment."""

    @property
    def column(self) -> str:
        """The name of the part."""
        ...

    @property
    def reason(self) -> str:
        """Why it was refused, and what to do."""
        ...


class SegmentRefused(SegmillError):
    """A segment cannot be changed as requested; `problems` says why, by column."""

    code = "segment_refused"

    def __init__(self, problems: Sequence["CellProblem"]) -> None:
        self.problems = list(problems)
        super().__init__(" ".join(problem.reason for problem in problems))


class VectorExtensionMissing(SegmillError):
    """The PostgreSQL server has no pgvector, or one that is too old."""

    code = "vector_extension_missing"


class SearchRefused(SegmillError):
    """The search cannot be run as requested."""

    code = "search_refused"


class JudgementsRefused(SearchRefused):
    """The file of questions and relevant segments cannot be used."""

    code = "judgements_refused"


class DatabaseFailed(SegmillError):
    """The database does not answer, or answers with an error."""

    code = "database_failed"
    status = HTTPStatus.SERVICE_UNAVAILABLE
