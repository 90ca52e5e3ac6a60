"""Ranked, the result of every search method, and the fusion of two rankings by their scores."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Ranked:
    """A segment and its score, which is comparable only within one ranking."""

    segment_id: UUID
    score: float


def fused(full_text: Sequence[Ranked], semantic: Sequence[Ranked], weight: float) -> list[Ranked]:
    """One ranking out of two, best first: `weight` · meaning + (1 − `weight`) · words.

    Both are scaled to 0 … 1 first: full text is divided by its best score, meaning runs from
    the last to the first of its ranking, for cosine similarities have no zero of their own.
    What one ranking lacks counts as 0 in it. So 1 means first in both. A ranking that is empty
    has no say: the other one counts fully. Ties keep the order of `full_text`, then `semantic`.

    By scores, not by ranks: on our data reciprocal rank fusion was worse than the better of
    its two halves wherever they differ much (docs/search.md).
    """
    words, meaning = scaled_by_best(full_text), scaled_by_range(semantic)
    share = weight if words and meaning else float(bool(meaning))
    joined = [
        Ranked(segment, share * meaning.get(segment, 0.0) + (1 - share) * words.get(segment, 0.0))
        for segment in dict.fromkeys([*words, *meaning])
    ]
    return sorted(joined, key=lambda ranked: ranked.score, reverse=True)


def scaled_by_best(ranking: Sequence[Ranked]) -> Mapping[UUID, float]:
    """The scores as shares of the best one, which is above 0."""
    return {ranked.segment_id: ranked.score / ranking[0].score for ranked in ranking}


def scaled_by_range(ranking: Sequence[Ranked]) -> Mapping[UUID, float]:
    """The scores from 1, the first, down to 0, the last; all 1 if there is no difference."""
    if not ranking:
        return {}
    least, range_ = ranking[-1].score, ranking[0].score - ranking[-1].score
    return {
        ranked.segment_id: (ranked.score - least) / range_ if range_ > 0 else 1.0
        for ranked in ranking
    }
