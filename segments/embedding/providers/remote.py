"""What all models behind an endpoint have in common: everything but the request itself."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np

from segments.embedding.base import Answer, Batching, ModelSettings, Purpose, Vectors
from segments.embedding.rate_limits import ask_with_backoff, draw
from segments.embedding.tokens import count_tokens

# What the model is asked when only its manners are wanted.
PROBE = "test"
# Somebody sits and waits for a question or a single passage.
WAITED_FOR_ATTEMPTS = 3
WAITED_FOR_SECONDS = 15.0


class RemoteEmbedder(ABC):
    """A model behind an endpoint: one that may be slow, busy, broken, or have its limits.

    A provider writes `ask`, one request without a second try; how to try again, wait, and
    split is the same for all (`embedding.dispatch`).
    """

    def __init__(self, settings: ModelSettings) -> None:
        self.settings = settings
        self.provider, self.model = settings.provider, settings.model
        self.known_dimensions = settings.dimensions
        self.token_limit = settings.token_limit
        self.batching = Batching(settings.batch_texts, settings.batch_tokens, settings.calls)

    @abstractmethod
    def ask(self, texts: Sequence[str], purpose: Purpose) -> Answer:
        """The vectors of `texts`, by one request without a second try.

        Raises:
            TextsRefused: the endpoint does not take these texts.
            RateLimited: it wants to be asked later.
            EndpointFailed: it did not answer, or not with what was asked for.
            CredentialsRefused, EndpointRefused: asking again would change nothing.
        """

    @property
    def dimensions(self) -> int:
        """As known, or as the model gives them when it is asked for the first time.

        Raises:
            EmbeddingFailed: it had to be asked, and gave no answer.
        """
        if not self.known_dimensions:
            self.known_dimensions = len(self.embed_passages([PROBE])[0])
        return self.known_dimensions

    def count_tokens(self, text: str) -> int:
        """Tokens of OpenAI's tokenizer; for the models of others a fair estimate.

        The prefix counts too. An endpoint that counts differently refuses the text itself.
        """
        return count_tokens(self.settings.passage_prefix + text)

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """The vectors of a few passages, in one request, tried again if need be."""
        return self._asked(texts, Purpose.PASSAGE)

    def embed_query(self, text: str) -> Vectors:
        """The vector of a question, shape (1, dimensions); it waits for no import."""
        return self._asked([text], Purpose.QUERY)

    def _asked(self, texts: Sequence[str], purpose: Purpose) -> Vectors:
        def ask() -> Answer:
            answer = self.ask(texts, purpose)
            draw(self.settings, requests=1, tokens=answer.tokens)
            return answer

        return ask_with_backoff(ask, WAITED_FOR_ATTEMPTS, WAITED_FOR_SECONDS).vectors

    def finished(self, vectors: Vectors) -> Vectors:
        """Vectors of length one, if that is wanted; those without a direction stay as they are."""
        if self.settings.normalise:
            with np.errstate(invalid="ignore"):  # NaN and infinity are refused later, by row
                lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
                np.divide(vectors, lengths, out=vectors, where=lengths > 0)
        return vectors
