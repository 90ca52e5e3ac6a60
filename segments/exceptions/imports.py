"""What keeps an import from starting, from going on, or from being changed."""

from http import HTTPStatus

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


class ReembeddingNotFound(NotFound):
    """No such reembedding."""

    noun = "reembedding"
    code = "reembedding_not_found"


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
