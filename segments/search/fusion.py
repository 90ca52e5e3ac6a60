"""Ranked: what every method of search makes of a question, and how two of them are joined."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

# The constant of reciprocal rank fusion that its authors found to do well on every collection.
RRF_K = 60


@dataclass(frozen=True, slots=True)
class Ranked:
    """A segment and how well it answers; only comparable within one ranking."""

    segment_id: UUID
    score: float


def fused(*rankings: Sequence[Ranked]) -> list[Ranked]:
    """One ranking out of several, best first, by reciprocal rank fusion.

    A segment's score is the sum of 1 / (60 + rank) over the rankings that have it (Cormack,
    Clarke and Büttcher, SIGIR 2009), as a share of the most it could be: 1 is first in all.
    Of equal ones, the one that comes up in an earlier ranking is first.
    """
    best = len(rankings) / (RRF_K + 1)
    scores: defaultdict[UUID, float] = defaultdict(float)
    for ranking in rankings:
        for rank, ranked in enumerate(ranking, start=1):
            scores[ranked.segment_id] += 1 / (RRF_K + rank)
    joined = [Ranked(segment_id, score / best) for segment_id, score in scores.items()]
    return sorted(joined, key=lambda ranked: ranked.score, reverse=True)
