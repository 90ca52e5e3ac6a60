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


class SegmentsRefused(SegmentRefused):
    """Some of several new segments break rules, so none was added."""

    code = "invalid_param"


class SegmentDisabled(SegmentRefused):
    """A disabled segment takes no other change than being enabled."""

    code = "invalid_param"

    def __init__(self) -> None:
        SegmillError.__init__(self, "Can't update disabled segment")
        self.problems = []


class DocumentArchived(SegmillError):
    """An archived document takes no change but being taken out of the archive."""

    code = "archived_document_immutable"
    status = HTTPStatus.FORBIDDEN

    def __init__(self) -> None:
        super().__init__("The archived document is not editable.")


class DocumentIndexing(SegmillError):
    """Segments are being made for the document at this moment."""

    code = "document_indexing"


class ActionRefused(SegmillError):
    """Documents cannot be switched as requested."""

    code = "invalid_action"


class MetadataRefused(SegmillError):
    """A metadata field, or a value of one, cannot be what is requested."""

    code = "invalid_metadata"


class MetadataFieldNotFound(NotFound):
    """The dataset has no such metadata field."""

    noun = "metadata field"


class TagNotFound(NotFound):
    """This tenant has no such tag."""

    noun = "tag"


class NameTaken(SegmillError):
    """Another tag of the tenant, or metadata field of the dataset, has the name."""

    code = "invalid_param"


class VectorExtensionMissing(SegmillError):
    """The PostgreSQL server has no pgvector, or one that is too old."""

    code = "vector_extension_missing"


class SearchRefused(SegmillError):
    """The search cannot be run as requested."""

    code = "search_refused"


class FilterRefused(SearchRefused):
    """A filter of a search cannot be understood."""

    code = "filter_refused"


class JudgementsRefused(SearchRefused):
    """The file of questions and relevant segments cannot be used."""

    code = "judgements_refused"


class DatabaseFailed(SegmillError):
    """The database does not answer, or answers with an error."""

    code = "database_failed"
    status = HTTPStatus.SERVICE_UNAVAILABLE
