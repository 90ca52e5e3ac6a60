"""What all models behind an endpoint share: everything but the request itself."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np

from segments.embedding.base import Answer, Batching, ModelSettings, Purpose, Vectors
from segments.embedding.rate_limits import ask_with_backoff, draw
from segments.embedding.tokens import count_tokens

# Embedded to learn a model's dimensions, or whether it works at all.
PROBE = "test"
# Somebody is waiting for the answer to a question or a single passage.
WAITED_FOR_ATTEMPTS = 3
WAITED_FOR_SECONDS = 15.0


class RemoteEmbedder(ABC):
    """A model behind an endpoint, which may be slow, busy, broken or rate limited.

    A provider implements `ask`, one request without a retry; `embedding.dispatch` retries,
    waits and splits batches for all providers.
    """

    def __init__(self, settings: ModelSettings) -> None:
        self.settings = settings
        self.provider, self.model = settings.provider, settings.model
        self.known_dimensions = settings.dimensions
        self.token_limit = settings.token_limit
        self.batching = Batching(settings.batch_texts, settings.batch_tokens, settings.calls)

    @abstractmethod
    def ask(self, texts: Sequence[str], purpose: Purpose) -> Answer:
        """The vectors of `texts`, by one request without a retry.

        Raises:
            TextsRefused: the endpoint refuses these texts.
            RateLimited: it asks to be called later.
            EndpointFailed: it gave no answer, or an invalid one.
            CredentialsRefused, EndpointRefused: trying again would not help.
        """

    @property
    def dimensions(self) -> int:
        """As configured or known; otherwise the model is asked once.

        Raises:
            EmbeddingFailed: the model had to be asked, and failed.
        """
        if not self.known_dimensions:
            self.known_dimensions = len(self.embed_passages([PROBE])[0])
        return self.known_dimensions

    def count_tokens(self, text: str) -> int:
        """Tokens by OpenAI's tokenizer, a fair estimate for other models; the prefix counts too.

        If the endpoint counts differently, it refuses the text itself.
        """
        return count_tokens(self.settings.passage_prefix + text)

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """The vectors of a few passages, in one request, retried if necessary."""
        return self._asked(texts, Purpose.PASSAGE)

    def embed_query(self, text: str) -> Vectors:
        """The vector of a question, shape (1, dimensions); it never waits for imports."""
        return self._asked([text], Purpose.QUERY)

    def _asked(self, texts: Sequence[str], purpose: Purpose) -> Vectors:
        def ask() -> Answer:
            answer = self.ask(texts, purpose)
            draw(self.settings, requests=1, tokens=answer.tokens)
            return answer

        return ask_with_backoff(ask, WAITED_FOR_ATTEMPTS, WAITED_FOR_SECONDS).vectors

    def finished(self, vectors: Vectors) -> Vectors:
        """`vectors`, scaled to length one if the model is set to; zero vectors stay zero."""
        if self.settings.normalise:
            with np.errstate(invalid="ignore"):  # NaN and infinity are refused later, by row
                lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
                np.divide(vectors, lengths, out=vectors, where=lengths > 0)
        return vectors
