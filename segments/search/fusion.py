"""Ranked, the result of every search method, and the fusion of several rankings."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

# The constant of reciprocal rank fusion that worked well for its authors on every collection.
RRF_K = 60


@dataclass(frozen=True, slots=True)
class Ranked:
    """A segment and its score, which is comparable only within one ranking."""

    segment_id: UUID
    score: float


def fused(*rankings: Sequence[Ranked]) -> list[Ranked]:
    """One ranking out of several, best first, by reciprocal rank fusion.

    A segment's score is the sum of 1 / (60 + rank) over the rankings that contain it (Cormack,
    Clarke and Büttcher, SIGIR 2009), divided by the maximum: 1 means first in all of them.
    Ties keep the order of first appearance, ranking by ranking.
    """
    best = len(rankings) / (RRF_K + 1)
    scores: defaultdict[UUID, float] = defaultdict(float)
    for ranking in rankings:
        for rank, ranked in enumerate(ranking, start=1):
            scores[ranked.segment_id] += 1 / (RRF_K + rank)
    joined = [Ranked(segment_id, score / best) for segment_id, score in scores.items()]
    return sorted(joined, key=lambda ranked: ranked.score, reverse=True)
