"""What can be wrong with an embedding model, its endpoint, or its answers."""

from http import HTTPStatus

from datasets.exceptions import SegmillError


class EmbeddingFailed(SegmillError):
    """The model returned no usable vectors."""

    code = "embedding_failed"


class VectorsRefused(EmbeddingFailed):
    """The number or dimension of vectors is wrong, or one has NaN, infinity or length zero."""

    code = "vectors_refused"

    def __init__(self, what: str, row: int | None = None) -> None:
        """`row` is the position in the batch of the first text with a bad vector."""
        self.row = row
        super().__init__(what)


class EndpointRefused(EmbeddingFailed):
    """The endpoint or its configuration is wrong: trying again would not help."""

    code = "endpoint_refused"


class CredentialsRefused(EndpointRefused):
    """The endpoint rejects the key, or the key lacks the permission."""

    code = "credentials_refused"


class TextsRefused(EmbeddingFailed):
    """The endpoint refuses this batch of texts; it might accept some of them."""

    code = "texts_refused"


class EmbeddingUnavailable(EmbeddingFailed):
    """The model cannot be used now, but perhaps later: the work stays where it is."""

    code = "embedding_unavailable"
    status = HTTPStatus.SERVICE_UNAVAILABLE


class RateLimited(EmbeddingUnavailable):
    """The endpoint asks to be called later."""

    code = "rate_limited"

    def __init__(self, what: str, retry_after: float | None = None) -> None:
        """`retry_after` is the pause in seconds that the endpoint asks for, if any."""
        self.retry_after = retry_after
        super().__init__(what)


class EndpointFailed(EmbeddingUnavailable):
    """The endpoint gave no answer, or a wrong one; the next try may succeed."""

    code = "endpoint_failed"

    def __init__(self, what: str, retry_after: float | None = None) -> None:
        """`retry_after` is the pause in seconds that the endpoint asks for, if any."""
        self.retry_after = retry_after
        super().__init__(what)


class EmbeddingInterrupted(EmbeddingUnavailable):
    """The endpoint has failed too often or for too long; the work resumes once it recovers."""

    code = "embedding_interrupted"


class NoRerankModel(SegmillError):
    """There is no such reranker."""

    code = "no_rerank_model"


class RerankFailed(SegmillError):
    """The reranker gave no usable answer in time: hits stay in the order they have."""

    code = "rerank_failed"
