"""What is wrong with an embedding model, its endpoint, or what it answers."""

from http import HTTPStatus

from datasets.exceptions import SegmillError


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
