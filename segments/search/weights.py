"""The weight of meaning in hybrid search: learned without labels, tuned with them, or set.

No fixed weight serves all: a model that hardly knows a language deserves 0.1 to 0.2, one that
compares short questions with short questions 0.8. What a dataset deserves shows in

* its texts: the shorter, the more depends on wording, so the more on meaning; and answers, which
  only the words know (vectors are of the question), make words matter more;
* whether the model knows their language: then a word is a token or little more;
* pseudo-questions, where texts have several sentences: each method looks for the text that a
  sentence was taken from (`pseudo_questions`).

The first two give a prior, the third moves it as far as the evidence goes. A question does not
move the weight by its scores: on 33 data sets, how clearly each list tells its first from its
second did not help (−0.0005 nDCG on average). A number or a code in it does: vectors blur them.
"""

import logging
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from math import log
from statistics import fmean
from typing import Any
from uuid import UUID

from django.db import Error, connection
from django.db.models import Sum

from datasets.exceptions import SegmillError
from datasets.models import DEFAULT_SEMANTIC_WEIGHT, Dataset, Document, WeightSource
from segments.embedding import Embedder, embedder_of
from segments.embedding.providers.remote import RemoteEmbedder
from segments.exceptions import SearchRefused
from segments.search.pseudo_questions import GRID, Curve, measure_curve
from segments.search.text_sample import SampledText, sample_texts

logger = logging.getLogger(__name__)

# A prior falls with the logarithm of a content's UTF-8 bytes, from the first value to the second.
SHORT_BYTES, LONG_BYTES = 60, 800
KNOWN_LANGUAGE = (0.75, 0.25)
UNKNOWN_LANGUAGE = (0.25, 0.15)
# What is left of it where the answers are long and the questions short.
LEAST_KNOWN, LEAST_UNKNOWN = 0.15, 0.08
ANSWERS_POWER = 1.5
# Tokens of the model a word: wordllama has 1.1 to 1.4 in English, 1.8 in German, 2.4 in Russian.
FLUENT_TOKENS, FOREIGN_TOKENS = 1.5, 1.8
TEXTS_COUNTED, CHARS_COUNTED = 200, 400
# What nDCG of pseudo-questions must gain for each 1.0 that the weight moves from the prior. They
# are sentences, not questions, so small differences say nothing.
SLOPE = 0.16
# Where meaning alone finds more of them than words alone, more is expected of it: so much for each
# 0.1 of its share in both scores over a half, up to a limit.
EVEN_WEIGHT, WEIGHT_A_TENTH, MOST_EXPECTED = 0.25, 0.8, 0.85
# Fewer questions, or questions from fewer texts, are no evidence.
LEAST_QUESTIONS, LEAST_SHARE = 20, 0.3
# The least gain, as above, that judged questions have to show.
TUNING_SLOPE = 0.01
# Of a question with a number or a code in it, such as E-4711, 0x80070057 or 2024.
CODE_WEIGHT = 0.25
CODE = re.compile(r"(?=\S*\d)[\w.:/+-]{4,}")

WEIGHT_FIELDS = ("semantic_weight", "semantic_weight_source", "semantic_weight_basis")
AUTOMATIC = (WeightSource.DEFAULT, WeightSource.LEARNED)

WORD = re.compile(r"[^\W\d_]+")
# Scripts without spaces, and how many of their letters make a word on average.
UNSPACED = {
    re.compile("[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]"): 2,
    re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]"): 4,
}


def weight_of(dataset: Dataset, question: str) -> float:
    """The share of meaning in a hybrid score for this question, 0 to 1."""
    return weight_for(question, dataset.semantic_weight)


def weight_for(question: str, weight: float) -> float:
    """A dataset's weight for this question: lower if it has a number or a code in it."""
    return min(weight, CODE_WEIGHT) if CODE.search(question) else weight


@dataclass(frozen=True, slots=True)
class LearnedWeight:
    """A weight and its basis: the prior, what it came from, and nDCG@10 by weight, if measured."""

    weight: float
    prior: float
    fluency: float
    questions: int = 0
    curve: dict[str, float] = field(default_factory=dict)


def learn_after_change(dataset_id: UUID) -> None:
    """Learn the weight of a dataset that has new segments or vectors, if that is due.

    What goes wrong is logged and no trouble of whoever made the change: the weight stays as it
    is, and the next change tries again.
    """
    try:
        dataset = Dataset.objects.filter(pk=dataset_id).first()
        if dataset is not None:
            learn_if_due(dataset)
    except (SegmillError, Error) as trouble:
        connection.close_if_unusable_or_obsolete()
        logger.warning("the weight of %s was not learned: %s", dataset_id, trouble)


def learn_if_due(dataset: Dataset) -> LearnedWeight | None:
    """Learn the dataset's weight and store it, unless what it has is still good.

    It is due after the first import, a change of model or language, and when the dataset has
    doubled or halved. Weights that were tuned or set are kept.

    Raises:
        NoEmbeddingModel, EmbeddingFailed: the dataset's model is not available, or failed.
    """
    basis = _basis(dataset)
    automatic = dataset.semantic_weight_source in AUTOMATIC
    if not (dataset.has_vectors and basis["segments"] and automatic and _is_due(dataset, basis)):
        return None
    learned = learn_weight(dataset)
    if learned is None:
        return None
    stored = Dataset.objects.filter(pk=dataset.pk, semantic_weight_source__in=AUTOMATIC)
    stored.update(
        semantic_weight=learned.weight,
        semantic_weight_source=WeightSource.LEARNED,
        semantic_weight_basis=basis | asdict(learned),
    )
    return learned


def _basis(dataset: Dataset) -> dict[str, Any]:
    total = Document.objects.filter(dataset=dataset).aggregate(Sum("segment_count"))
    return {
        "segments": total["segment_count__sum"] or 0,
        "model": "/".join(dataset.model),
        "language": dataset.language,
        "text_search_config": dataset.text_search_config,
    }


def _is_due(dataset: Dataset, basis: dict[str, Any]) -> bool:
    before = dataset.semantic_weight_basis
    if any(before.get(name) != basis[name] for name in ("model", "language", "text_search_config")):
        return True
    return not 0.5 <= basis["segments"] / max(before.get("segments", 0), 1) < 2


def learn_weight(dataset: Dataset) -> LearnedWeight | None:
    """What the dataset's own texts say about its weight; None if it has no vectors yet.

    Takes a second or so with the built-in model. A slow model is asked for some seconds only,
    an endpoint for a few dozen texts.

    Raises:
        NoEmbeddingModel, EmbeddingFailed: the dataset's model is not available, or failed.
    """
    embedder = embedder_of(dataset)
    texts = [
        text
        for text in sample_texts(dataset)
        if len(text.vector) == embedder.dimensions  # others are of an earlier model
    ]
    if not texts:
        return None
    fluency = fluency_of(embedder, [text.content for text in texts[:TEXTS_COUNTED]])
    guess = prior_weight(texts, fluency)
    curve = measure_curve(dataset, embedder, texts)
    if curve.questions < LEAST_QUESTIONS or curve.answered < LEAST_SHARE * curve.texts:
        return LearnedWeight(round(guess, 2), round(guess, 2), round(fluency, 2))
    return LearnedWeight(
        weight=chosen(curve, max(guess, expected_of(curve)), SLOPE),
        prior=round(guess, 2),
        fluency=round(fluency, 2),
        questions=curve.questions,
        curve=curve.as_json(),
    )


def expected_of(curve: Curve) -> float:
    """The weight to expect where each method alone finds as much as at the ends of the curve."""
    words, meaning = curve.scores[0], curve.scores[-1]
    share = meaning / (words + meaning) if words + meaning else 0.5
    return min(EVEN_WEIGHT + (share - 0.5) * 10 * WEIGHT_A_TENTH, MOST_EXPECTED)


def chosen(curve: Curve, expected: float, slope: float) -> float:
    """The weight with the best score after `slope` for each 1.0 of distance from `expected`."""
    best, _ = max(curve.points(), key=lambda point: point[1] - slope * abs(point[0] - expected))
    return best


def prior_weight(texts: Sequence[SampledText], fluency: float) -> float:
    """The weight to expect of such texts and a model that knows their language so well."""
    size = fmean(len(text.content.encode()) for text in texts)
    length = min(max(log(size / SHORT_BYTES) / log(LONG_BYTES / SHORT_BYTES), 0), 1)
    known, unknown = (
        short + (long - short) * length for short, long in (KNOWN_LANGUAGE, UNKNOWN_LANGUAGE)
    )
    alone = fluency * known + (1 - fluency) * unknown
    least = fluency * LEAST_KNOWN + (1 - fluency) * LEAST_UNKNOWN
    contents = sum(len(text.content) for text in texts)
    share = contents / sum(len(text.searched) for text in texts)
    return float(least + (alone - least) * share**ANSWERS_POWER)


def fluency_of(embedder: Embedder, texts: Sequence[str]) -> float:
    """How well the model knows the language, 0 to 1, by how many tokens it cuts a word into.

    A model behind an endpoint counts by a tokenizer that is not its own; it is trusted.
    """
    if isinstance(embedder, RemoteEmbedder):
        return 1.0
    words = [word for text in texts for word in WORD.findall(text[:CHARS_COUNTED])]
    number = sum(_words_in(word) for word in words)
    if not number:
        return 1.0
    tokens = embedder.count_tokens(" ".join(words)) / number
    return min(max((FOREIGN_TOKENS - tokens) / (FOREIGN_TOKENS - FLUENT_TOKENS), 0.0), 1.0)


def _words_in(run: str) -> float:
    """How many words a run of letters is: 1, unless its script has no spaces."""
    unspaced = {size: len(script.findall(run)) for script, size in UNSPACED.items()}
    return sum(count / size for size, count in unspaced.items()) or 1.0


def tune_weight(dataset: Dataset, scores: Sequence[Sequence[float]]) -> Curve:
    """Store the best weight for judged questions; their mean nDCG@10 by weight.

    `scores` has a row a question and a column a weight of `GRID`. Of weights that are as good,
    the one nearest to the dataset's own is taken.
    """
    means = tuple(fmean(column) for column in zip(*scores, strict=True))
    curve = Curve(tuple(GRID), means, len(scores), len(scores), len(scores))
    dataset.semantic_weight = chosen(curve, dataset.semantic_weight, TUNING_SLOPE)
    dataset.semantic_weight_source = WeightSource.TUNED
    dataset.semantic_weight_basis = _basis(dataset) | {
        "questions": curve.questions,
        "curve": curve.as_json(),
    }
    dataset.save(update_fields=WEIGHT_FIELDS)
    return curve


def set_weight(dataset: Dataset, weight: float | None) -> None:
    """Give the dataset this weight for good; None lets it be learned from its texts again.

    Raises:
        SearchRefused: it is not from 0 to 1.
    """
    if weight is None:
        dataset.semantic_weight = DEFAULT_SEMANTIC_WEIGHT
        dataset.semantic_weight_source = WeightSource.DEFAULT
    else:
        dataset.semantic_weight = checked_weight(weight)
        dataset.semantic_weight_source = WeightSource.SET
    dataset.semantic_weight_basis = {}
    dataset.save(update_fields=WEIGHT_FIELDS)
    if weight is None:
        learn_if_due(dataset)
        dataset.refresh_from_db(fields=WEIGHT_FIELDS)


def checked_weight(weight: float) -> float:
    """`weight`, if it is from 0 to 1.

    Raises:
        SearchRefused: it is not.
    """
    if not 0 <= weight <= 1:
        raise SearchRefused(f"The semantic weight is {weight}; it must be from 0 to 1.")
    return weight
