"""Questions made from a dataset's own texts, and how well each weight answers them.

A sentence is taken out of a text and asked; right is the text it came from, searched without it:
its remaining words, and the vector of the rest. So a sentence never finds itself. All of this
happens in memory, with the sample of the dataset as what else could be found.
"""

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, zip_longest
from math import log
from time import monotonic

import numpy as np
from numpy.typing import NDArray

from datasets.models import Dataset
from segments.embedding import Embedder, Vectors
from segments.embedding.providers.remote import RemoteEmbedder
from segments.search.postings import K1, B
from segments.search.text_sample import SampledText, WordCounts, count_asked_words, count_words

GRID: Sequence[float] = [round(step * 0.05, 2) for step in range(21)]
"""The weights that are tried."""
DEPTH, CUTOFF = 100, 10
MOST_QUESTIONS = 400
# A model that bills or is far away is asked for these questions and as many texts, no more.
MOST_FROM_ENDPOINT = 40
# A slow model is asked for no longer; what it gave by then is the evidence.
SECONDS = 10.0
TEXTS_A_CALL = 16

SENTENCE_END = re.compile(r"(?<=[.!?؟।])\s+|(?<=[。！？])|\n+")
LEAST_SENTENCE_CHARS = 12
# Thai writes spaces between phrases, not words, and no full stops.
LONG_CHARS, PHRASE_CHARS = 200, 15

Scores = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Curve:
    """Mean nDCG@10 of `questions` by weight; `answered` of `texts` gave a question."""

    weights: tuple[float, ...]
    scores: tuple[float, ...]
    questions: int
    answered: int
    texts: int

    def points(self) -> Iterator[tuple[float, float]]:
        """Each weight with its score."""
        return zip(self.weights, self.scores, strict=True)

    def as_json(self) -> dict[str, float]:
        """The scores by weight, to four digits."""
        return {f"{weight:.2f}": round(score, 4) for weight, score in self.points()}


@dataclass(frozen=True, slots=True)
class PseudoQuestion:
    """A sentence and the text it was taken from: number `place`, without the sentence.

    `embedded` is the rest of the content; None if the content is whole, as is its vector.
    """

    place: int
    question: str
    embedded: str | None
    searched: str


def pseudo_questions(texts: Sequence[SampledText]) -> Iterator[PseudoQuestion]:
    """A question from each text that has several sentences, then a second from each, and so on."""
    chance = random.Random(len(texts))  # noqa: S311  (no secret)
    by_text = [list(_questions_of(place, text)) for place, text in enumerate(texts)]
    for questions in by_text:
        chance.shuffle(questions)
    for turn in zip_longest(*by_text):
        yield from filter(None, turn)


def _questions_of(place: int, text: SampledText) -> Iterator[PseudoQuestion]:
    """A question of each sentence, where there is another one beside it."""
    content, answer = sentences(text.content), sentences(text.answer)
    for number, sentence in enumerate(content if len(content) > 1 else ()):
        rest = " ".join(content[:number] + content[number + 1 :])
        yield PseudoQuestion(place, sentence, rest, f"{rest} {text.answer}")
    for number, sentence in enumerate(answer if len(answer) > 1 else ()):
        rest = " ".join(answer[:number] + answer[number + 1 :])
        yield PseudoQuestion(place, sentence, None, f"{text.content} {rest}")


def sentences(text: str) -> list[str]:
    """The sentences of a text, or its phrases where a long one has no sentence ends."""
    found = [part.strip() for part in SENTENCE_END.split(text)]
    found = [part for part in found if len(part) >= LEAST_SENTENCE_CHARS]
    if len(found) < 2 and len(text) > LONG_CHARS:
        phrases = text.split()
        return phrases if len(text) / len(phrases) > PHRASE_CHARS else found
    return found


def measure_curve(dataset: Dataset, embedder: Embedder, texts: Sequence[SampledText]) -> Curve:
    """How well each weight of `GRID` finds the texts that sentences of theirs were taken from.

    Raises:
        EmbeddingFailed: the model failed.
    """
    most = MOST_FROM_ENDPOINT if isinstance(embedder, RemoteEmbedder) else MOST_QUESTIONS
    asked, questions, rests = _embedded(embedder, texts[:most], most)
    answered = len({each.place for each in asked})
    if not asked:
        return Curve(tuple(GRID), (0.0,) * len(GRID), 0, answered, len(texts[:most]))
    vectors = np.stack([text.vector for text in texts])
    by_words = _InMemoryBM25([text.words for text in texts], [len(t.searched) for t in texts])
    left = count_words(dataset, [each.searched for each in asked])
    words = count_asked_words(dataset, [each.question for each in asked])
    gains = []
    for number, each in enumerate(asked):
        meaning = np.asarray(vectors @ questions[number], np.float64)
        meaning[each.place] = rests[number] @ questions[number]
        found = by_words.scores(words[number])
        found[each.place] = by_words.score(words[number], left[number], each.place)
        gains.append(_gains(each.place, found, meaning))
    scores = tuple(np.mean(gains, axis=0).tolist())
    return Curve(tuple(GRID), scores, len(asked), answered, len(texts[:most]))


def _embedded(
    embedder: Embedder, texts: Sequence[SampledText], most: int
) -> tuple[list[PseudoQuestion], list[Vectors], list[Vectors]]:
    """Questions, their vectors, and those of the texts they were taken from."""
    asked: list[PseudoQuestion] = []
    questions: list[Vectors] = []
    rests: list[Vectors] = []
    made, deadline = islice(pseudo_questions(texts), most), monotonic() + SECONDS
    while (some := list(islice(made, TEXTS_A_CALL))) and monotonic() < deadline:
        cut = [each.embedded for each in some if each.embedded is not None]
        anew = iter(embedder.embed_passages(cut) if cut else ())
        asked += some
        questions += [embedder.embed_query(each.question)[0] for each in some]
        rests += [
            texts[each.place].vector if each.embedded is None else next(anew) for each in some
        ]
    return asked, questions, rests


class _InMemoryBM25:
    """BM25 over texts in memory, by the same formula as `full_text`."""

    def __init__(self, texts: Sequence[WordCounts], lengths: Sequence[int]) -> None:
        sizes = np.asarray(lengths, np.float64)
        self._damping = K1 * (1 - B + B * sizes / max(sizes.mean(), 1.0))
        self._postings: dict[str, list[tuple[int, int]]] = {}
        for place, counts in enumerate(texts):
            for word, count in counts.items():
                self._postings.setdefault(word, []).append((place, count))

    def scores(self, words: WordCounts) -> Scores:
        """The score of each text; 0 if it has none of the words."""
        total = np.zeros(len(self._damping))
        for word in words:
            if found := self._postings.get(word):
                places, counts = np.asarray(found).T
                tf = counts * (K1 + 1) / (counts + self._damping[places])
                total[places] += self._idf(word) * tf
        return total

    def score(self, words: WordCounts, left: WordCounts, place: int) -> float:
        """The score of a text that has only these words left; it counts as no shorter for that."""
        damping = float(self._damping[place])
        return sum(
            self._idf(word) * left[word] * (K1 + 1) / (left[word] + damping)
            for word in words
            if word in left
        )

    def _idf(self, word: str) -> float:
        df = len(self._postings.get(word, ()))
        return log(1 + (len(self._damping) - df + 0.5) / (df + 0.5))


def _gains(right: int, by_words: Scores, by_meaning: Scores) -> Scores:
    """nDCG@10 by weight, where only the text at `right` is relevant; as `fusion` fuses."""
    words, meaning = by_words / max(by_words.max(), 1e-9), _scaled(by_meaning)
    grid = np.asarray(GRID)[:, None]
    fused = grid * meaning + (1 - grid) * words
    ranks = 1 + (fused > fused[:, [right]]).sum(axis=1)
    found = (ranks <= CUTOFF) & (fused[:, right] > 0)
    return np.where(found, 1 / np.log2(ranks + 1), 0.0)


def _scaled(scores: Scores) -> Scores:
    """From 1, the best, down to 0, the last of the ranking, and all that are not in it."""
    last = np.partition(scores, -min(DEPTH, len(scores)))[-min(DEPTH, len(scores))]
    scaled: Scores = np.clip((scores - last) / max(scores.max() - last, 1e-9), 0, None)
    return scaled
