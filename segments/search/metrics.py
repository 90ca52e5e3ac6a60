"""How good a ranking is, by the judgements of people: the usual measures of retrieval.

`relevant` maps the id of every relevant thing to its gain, a number over 0 (1 if there is only
relevant and not). `ranking` has ids, best first, each once.
"""

from collections.abc import Mapping, Sequence
from math import log2

CUTOFF = 10


def ndcg(ranking: Sequence[str], relevant: Mapping[str, float], cutoff: int = CUTOFF) -> float:
    """Normalised discounted cumulative gain, 0 to 1 (Järvelin and Kekäläinen, 2002).

    Gains count as they are, a rank's discount is log2(rank + 1).
    """
    ideal = _discounted(sorted(relevant.values(), reverse=True)[:cutoff])
    return _discounted([relevant.get(name, 0.0) for name in ranking[:cutoff]]) / ideal


def recall(ranking: Sequence[str], relevant: Mapping[str, float], cutoff: int = CUTOFF) -> float:
    """Which part of what is relevant is among the first, 0 to 1."""
    return sum(name in relevant for name in ranking[:cutoff]) / len(relevant)


def reciprocal_rank(
    ranking: Sequence[str], relevant: Mapping[str, float], cutoff: int = CUTOFF
) -> float:
    """1 / rank of the first relevant one; 0 if none is among the first."""
    ranks = (rank for rank, name in enumerate(ranking[:cutoff], start=1) if name in relevant)
    first = next(ranks, None)
    return 1 / first if first else 0.0


def _discounted(gains: Sequence[float]) -> float:
    return sum(gain / log2(rank + 1) for rank, gain in enumerate(gains, start=1))
