"""Measures how well each search method answers questions with known answers.

By hand: nDCG, recall and MRR are ten lines; ranx and pytrec_eval bring a compiler for them.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import log2
from pathlib import Path
from statistics import fmean, median
from time import perf_counter
from typing import Any
from uuid import UUID

from datasets.models import Dataset
from segments.exceptions import JudgementsRefused, SearchRefused
from segments.models import DocumentSegment
from segments.search.fusion import Ranked, fused
from segments.search.pseudo_questions import GRID, Curve
from segments.search.query import MAX_QUERY_CHARS, SearchMethod, both_rankings, search, storable
from segments.search.weights import tune_weight, weight_for

CUTOFF = 10


def ndcg(ranking: Sequence[str], relevant: Mapping[str, float], cutoff: int = CUTOFF) -> float:
    """Normalised discounted cumulative gain, 0 to 1 (Järvelin and Kekäläinen, 2002).

    Gains are linear; the discount of a rank is log2(rank + 1).
    """
    ideal = _discounted(sorted(relevant.values(), reverse=True)[:cutoff])
    return _discounted([relevant.get(name, 0.0) for name in ranking[:cutoff]]) / ideal


def recall(ranking: Sequence[str], relevant: Mapping[str, float], cutoff: int = CUTOFF) -> float:
    """The share of relevant names among the first `cutoff`, 0 to 1."""
    return sum(name in relevant for name in ranking[:cutoff]) / len(relevant)


def reciprocal_rank(
    ranking: Sequence[str], relevant: Mapping[str, float], cutoff: int = CUTOFF
) -> float:
    """1 / rank of the first relevant name; 0 if none is among the first `cutoff`."""
    ranks = (rank for rank, name in enumerate(ranking[:cutoff], start=1) if name in relevant)
    first = next(ranks, None)
    return 1 / first if first else 0.0


def _discounted(gains: Sequence[float]) -> float:
    return sum(gain / log2(rank + 1) for rank, gain in enumerate(gains, start=1))


FORM = (
    'It must be {"queries": {ID: TEXT, …}, "relevant": {ID: {EXTERNAL_ID: GAIN, …}, …}}, '
    "with numbers as gains."
)


@dataclass(frozen=True, slots=True)
class Question:
    """A question and the gain of each relevant segment, by its external id, or its id as text."""

    text: str
    relevant: Mapping[str, float]


def read_judgements(path: Path) -> list[Question]:
    """The judged questions of the file at `path`; at least one.

    Raises:
        JudgementsRefused: it cannot be read, or has the wrong form; the message says where.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as trouble:
        raise JudgementsRefused(f"{path} cannot be read: {trouble.strerror}.") from trouble
    except UnicodeDecodeError as trouble:
        raise JudgementsRefused(f"{path} is not UTF-8. Save it as UTF-8.") from trouble
    except json.JSONDecodeError as trouble:
        where = f"line {trouble.lineno}, column {trouble.colno}"
        raise JudgementsRefused(f"{path} is not valid JSON: {trouble.msg} ({where}).") from trouble
    questions = _questions(found)
    if not questions:
        raise JudgementsRefused(f"{path} has no question with a relevant segment. {FORM}")
    return questions


def _questions(found: Any) -> list[Question]:
    texts, relevant = _member(found, "queries"), _member(found, "relevant")
    questions = []
    for name, judged in relevant.items():
        text = texts.get(name)
        if not isinstance(text, str):
            raise JudgementsRefused(f"“relevant” has “{name}”, but “queries” has no text for it.")
        gains = {key: gain for key, gain in _gains(name, judged).items() if gain > 0}
        if gains:
            questions.append(Question(text, gains))
    return questions


def _member(found: Any, name: str) -> dict[str, Any]:
    member = found.get(name) if isinstance(found, dict) else None
    if not isinstance(member, dict):
        raise JudgementsRefused(f"There is no object “{name}”. {FORM}")
    return member


def _gains(name: str, judged: Any) -> dict[str, float]:
    if not isinstance(judged, dict):
        raise JudgementsRefused(f"“relevant”, “{name}”: {judged!r} is not an object. {FORM}")
    for external_id, gain in judged.items():
        if isinstance(gain, bool) or not isinstance(gain, int | float):
            raise JudgementsRefused(
                f"“relevant”, “{name}”, “{external_id}”: {gain!r} is not a number. {FORM}"
            )
    return judged


# More than the cutoff, since an external id may occur in several documents.
HITS_READ = 50


@dataclass(frozen=True, slots=True)
class Quality:
    """Means over all questions, each 0 to 1, and the median time of a search in milliseconds."""

    ndcg_at_10: float
    recall_at_10: float
    mrr_at_10: float
    median_ms: float


def evaluate(
    dataset: Dataset,
    questions: Sequence[Question],
    method: SearchMethod,
    shown: Callable[[Sequence[Question]], Iterable[Question]] = iter,
) -> Quality:
    """Search `dataset` for each of `questions`; `shown` wraps them, for example to show progress.

    Raises:
        SearchRefused: the dataset cannot be searched by this method.
    """
    rankings, milliseconds = [], []
    for question in shown(questions):
        began = perf_counter()
        hits = search(dataset, question.text[:MAX_QUERY_CHARS], method, HITS_READ)
        milliseconds.append((perf_counter() - began) * 1000)
        names = (_name(hit.segment_id, hit.external_id, question) for hit in hits)
        rankings.append((list(dict.fromkeys(names)), question.relevant))
    return Quality(
        ndcg_at_10=fmean(ndcg(*judged) for judged in rankings),
        recall_at_10=fmean(recall(*judged) for judged in rankings),
        mrr_at_10=fmean(reciprocal_rank(*judged) for judged in rankings),
        median_ms=median(milliseconds),
    )


def tune(
    dataset: Dataset,
    questions: Sequence[Question],
    shown: Callable[[Sequence[Question]], Iterable[Question]] = iter,
) -> Curve:
    """Store the semantic weight that answers `questions` best; nDCG@10 of hybrid by weight.

    Each question is searched once, and its two rankings are fused by every weight.

    Raises:
        SearchRefused: the dataset has no vectors, so there is nothing to weigh.
    """
    if not dataset.has_vectors:
        raise SearchRefused(
            f"Dataset “{dataset.name}” is an economy dataset: without vectors there is no "
            "weight to tune."
        )
    return tune_weight(dataset, [_by_weight(dataset, question) for question in shown(questions)])


def _by_weight(dataset: Dataset, question: Question) -> list[float]:
    """nDCG@10 of hybrid with each weight of the grid."""
    text = storable(question.text[:MAX_QUERY_CHARS]).strip()
    rankings = both_rankings(dataset, text)
    found = {ranked.segment_id for ranking in rankings for ranked in ranking}
    segments = DocumentSegment.objects.filter(pk__in=found).values_list("pk", "external_id")
    names = {segment: _name(segment, external_id, question) for segment, external_id in segments}
    return [
        ndcg(_names(fused(*rankings, weight_for(text, weight)), names), question.relevant)
        for weight in GRID
    ]


def _name(segment_id: UUID, external_id: str | None, question: Question) -> str:
    """What a segment is called in the judgements: by its id there, else by its external id."""
    by_id = str(segment_id)
    return by_id if by_id in question.relevant or not external_id else external_id


def _names(ranking: Sequence[Ranked], names: Mapping[UUID, str]) -> list[str]:
    """What the segments of a ranking are called, in its order, each once."""
    found = (names.get(ranked.segment_id) for ranked in ranking[:HITS_READ])
    return list(dict.fromkeys(filter(None, found)))


def unknown_ids(dataset: Dataset, questions: Sequence[Question]) -> list[str]:
    """Relevant external ids that no segment of `dataset` has: nothing can find them."""
    wanted = {name for question in questions for name in question.relevant}
    segments = DocumentSegment.objects.filter(dataset=dataset, external_id__in=wanted)
    return sorted(wanted.difference(segments.values_list("external_id", flat=True)))
