"""Everything that can go wrong with an import or a search, as one tree with remedies.

A bad row is data (`importing.types.RowProblem`); a bad file, a refused start or an unusable
model is an exception. The text of each is meant for the person who has to act on it.
"""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Protocol

from datasets.exceptions import NotFound, SegmillError


class ImportRefused(SegmillError):
    """The import cannot start or go on as asked."""

    code = "import_refused"


class OptionRefused(ImportRefused):
    """An option of an import has a value that cannot be used."""

    code = "option_refused"

    def __init__(self, name: str, what: str, remedy: str) -> None:
        self.name = name
        super().__init__(f"{name}: {what} {remedy}")


class BudgetExceeded(ImportRefused):
    """Embedding would take more tokens or money than allowed; none were taken."""

    code = "budget_exceeded"


class DocumentNotAvailable(ImportRefused):
    """The document does not take segments now."""

    code = "document_not_available"

    def __init__(self, document: str, why: str, remedy: str) -> None:
        super().__init__(f"Document “{document}” cannot be filled: {why}. {remedy}")


class NoEmbeddingModel(ImportRefused):
    """A high_quality dataset whose model is not to be had."""

    code = "no_embedding_model"


class CredentialsUnreadable(NoEmbeddingModel):
    """A provider's stored key cannot be decrypted."""

    code = "credentials_unreadable"


class TargetGone(ImportRefused):
    """The dataset or document was deleted or changed while the import ran."""

    code = "target_gone"
    status = HTTPStatus.CONFLICT


class FileRefused(SegmillError):
    """The file as a whole cannot be read as segments."""

    code = "file_refused"


class FileUnreadable(FileRefused):
    """It is not there, is a folder, or may not be read."""

    code = "file_unreadable"


class FileUnwritable(SegmillError):
    """A file cannot be written where it was asked for."""

    code = "file_unwritable"


class FileEmpty(FileRefused):
    """There is no row in it."""

    code = "file_empty"


class FileTooLarge(FileRefused):
    """It is over a limit of this installation."""

    code = "file_too_large"
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class FileTooSlow(FileRefused):
    """Reading it takes longer than this installation allows."""

    code = "file_too_slow"


class FileProtected(FileRefused):
    """It is encrypted."""

    code = "file_protected"


class SheetNotFound(FileRefused):
    """The workbook has no sheet of that name."""

    code = "sheet_not_found"


class BodyTooLarge(SegmillError):
    """The body of a request is over a limit of this installation."""

    code = "body_too_large"
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class NoFileUploaded(FileRefused):
    """The form has no file in it."""

    code = "no_file_uploaded"


class TooManyFiles(FileRefused):
    """The form has several files, where one is expected."""

    code = "too_many_files"


class UploadNotFound(NotFound):
    """No such uploaded file of this tenant, or it was removed since."""

    noun = "uploaded file"


class FormatUnknown(FileRefused):
    """It is of no kind that Segmill reads."""

    code = "format_unknown"
    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class FileMalformed(FileRefused):
    """It breaks off or breaks its format's rules at a line."""

    code = "file_malformed"

    def __init__(self, line: int, what: str, remedy: str) -> None:
        self.line = line
        super().__init__(f"Line {line}: {what} {remedy}")


class HeaderRefused(FileRefused):
    """The columns are not those the document needs."""

    code = "header_refused"


class RowsRefused(ImportRefused):
    """Rows of the file are bad, and the import is all or nothing."""

    code = "rows_refused"

    def __init__(self, failed: int, total: int, first: str) -> None:
        self.failed, self.total = failed, total
        rows, are = "row" if total == 1 else "rows", "is" if failed == 1 else "are"
        super().__init__(
            f"{failed:,} of {total:,} {rows} {are} bad, so nothing was imported. "
            f"The first: {first} Mend the rows and import the file again."
        )


class EmbeddingFailed(SegmillError):
    """The model gave no vectors that can be used."""

    code = "embedding_failed"


class VectorsRefused(EmbeddingFailed):
    """Vectors of the wrong number or dimension, or with NaN, infinity or length zero."""

    code = "vectors_refused"

    def __init__(self, what: str, row: int | None = None) -> None:
        """`row` is the place in the batch of the first text whose vector is at fault."""
        self.row = row
        super().__init__(what)


class EndpointRefused(EmbeddingFailed):
    """The endpoint, or the way it is set up, is wrong: asking again would change nothing."""

    code = "endpoint_refused"


class CredentialsRefused(EndpointRefused):
    """The endpoint does not know the key, or the key may not do this."""

    code = "credentials_refused"


class TextsRefused(EmbeddingFailed):
    """The endpoint does not take these texts; it might take some of them."""

    code = "texts_refused"


class EmbeddingUnavailable(EmbeddingFailed):
    """The model cannot be used now, but later: the work is left where it stands."""

    code = "embedding_unavailable"
    status = HTTPStatus.SERVICE_UNAVAILABLE


class RateLimited(EmbeddingUnavailable):
    """The endpoint wants to be asked later."""

    code = "rate_limited"

    def __init__(self, what: str, retry_after: float | None = None) -> None:
        """`retry_after` is how many seconds the endpoint asks for, if it says."""
        self.retry_after = retry_after
        super().__init__(what)


class EndpointFailed(EmbeddingUnavailable):
    """The endpoint gave no answer, or not the one that was asked for; it may next time."""

    code = "endpoint_failed"

    def __init__(self, what: str, retry_after: float | None = None) -> None:
        """`retry_after` is how many seconds the endpoint asks for, if it says."""
        self.retry_after = retry_after
        super().__init__(what)


class EmbeddingInterrupted(EmbeddingUnavailable):
    """The endpoint has failed too often or too long; the work goes on once it is well."""

    code = "embedding_interrupted"


class RowsGone(SegmillError):
    """Rows that were checked and stored are not there any more when they are to be published."""

    code = "rows_gone"

    def __init__(self, expected: int, found: int) -> None:
        super().__init__(
            f"Of {expected:,} checked rows {found:,} are left in the database: somebody removed "
            "the others. Nothing was imported; import the file again."
        )


class ImportNotFound(NotFound):
    """No such import of this tenant."""

    noun = "import"
    code = "import_not_found"


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


class StateConflict(SegmillError):
    """The import is in a state in which this cannot be done."""

    code = "state_conflict"
    status = HTTPStatus.CONFLICT


class IdempotencyConflict(SegmillError):
    """An idempotency key was used for another request."""

    code = "idempotency_conflict"
    status = HTTPStatus.UNPROCESSABLE_ENTITY


class ImportCancelled(SegmillError):
    """Somebody cancelled the import; its worker stops quietly."""

    code = "cancelled"


class ClaimLost(SegmillError):
    """Another worker holds the job or the chunk now; this one must not write any more."""

    code = "claim_lost"


class VectorExtensionMissing(SegmillError):
    """The PostgreSQL server lacks pgvector, or has one that is too old."""

    code = "vector_extension_missing"


class ExportRefused(SegmillError):
    """The segments do not fit into a file of that format."""

    code = "export_refused"


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
