"""What keeps an import from starting, continuing or being changed."""

from http import HTTPStatus

from datasets.exceptions import NotFound, SegmillError


class ImportRefused(SegmillError):
    """The import cannot start or continue as requested."""

    code = "import_refused"


class OptionRefused(ImportRefused):
    """An import option has an unusable value."""

    code = "option_refused"

    def __init__(self, name: str, what: str, remedy: str) -> None:
        self.name = name
        super().__init__(f"{name}: {what} {remedy}")


class BudgetExceeded(ImportRefused):
    """Embedding would use more tokens or money than allowed; nothing was used."""

    code = "budget_exceeded"


class DocumentNotAvailable(ImportRefused):
    """The document does not accept segments now."""

    code = "document_not_available"

    def __init__(self, document: str, why: str, remedy: str) -> None:
        super().__init__(f"Document “{document}” cannot be filled: {why}. {remedy}")


class NoEmbeddingModel(ImportRefused):
    """The embedding model of a high_quality dataset is not available."""

    code = "no_embedding_model"


class CredentialsUnreadable(NoEmbeddingModel):
    """A provider's stored key cannot be decrypted."""

    code = "credentials_unreadable"


class TargetGone(ImportRefused):
    """The dataset or document was deleted or changed while the import ran."""

    code = "target_gone"
    status = HTTPStatus.CONFLICT


class RowsRefused(ImportRefused):
    """The file has bad rows, and the import is all or nothing."""

    code = "rows_refused"

    def __init__(self, failed: int, total: int, first: str) -> None:
        self.failed, self.total = failed, total
        rows, are = "row" if total == 1 else "rows", "is" if failed == 1 else "are"
        super().__init__(
            f"{failed:,} of {total:,} {rows} {are} bad, so nothing was imported. "
            f"The first: {first} Fix the rows and import the file again."
        )


class RowsGone(SegmillError):
    """Staged rows have disappeared before they could be published."""

    code = "rows_gone"

    def __init__(self, expected: int, found: int) -> None:
        super().__init__(
            f"Only {found:,} of {expected:,} checked rows are left in the database: something "
            "removed the others. Nothing was imported; import the file again."
        )


class ImportNotFound(NotFound):
    """This tenant has no such import."""

    noun = "import"
    code = "import_not_found"


class ReembeddingNotFound(NotFound):
    """There is no such re-embedding."""

    noun = "re-embedding"
    code = "reembedding_not_found"


class IndexNotFound(NotFound):
    """There is no such generation of an index."""

    noun = "index"
    code = "index_not_found"


class IndexRefused(SegmillError):
    """The index cannot be built from what the dataset has."""

    code = "index_refused"


class RebuildNotFound(NotFound):
    """There is no such full-text rebuild."""

    noun = "full-text rebuild"
    code = "rebuild_not_found"


class WebhookNotFound(NotFound):
    """There is no such webhook."""

    noun = "webhook"
    code = "webhook_not_found"


class DeliveryNotFound(NotFound):
    """There is no such delivery of a webhook."""

    noun = "webhook delivery"
    code = "delivery_not_found"


class StateConflict(SegmillError):
    """The import's state does not allow this."""

    code = "state_conflict"
    status = HTTPStatus.CONFLICT


class IdempotencyConflict(SegmillError):
    """The idempotency key was used before, for a different request."""

    code = "idempotency_conflict"
    status = HTTPStatus.UNPROCESSABLE_ENTITY


class ClaimLost(SegmillError):
    """Another worker holds the job or the chunk now; this one must stop writing."""

    code = "claim_lost"


class ImportCancelled(ClaimLost):
    """Somebody cancelled the import; its worker stops quietly."""

    code = "cancelled"


class PreviewsBusy(SegmillError):
    """Another preview of the tenant is being made; `wait` is how long to, in seconds."""

    code = "too_many_requests"
    status = HTTPStatus.TOO_MANY_REQUESTS
    wait = 2

    def __init__(self) -> None:
        super().__init__(
            "Another preview is being made for this tenant. "
            f"Try again in {self.wait} seconds, or start the import."
        )
