"""Reciprocal rank fusion, and the measures of retrieval."""

from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segments.search.evaluation import ndcg, recall, reciprocal_rank
from segments.search.fusion import RRF_K, Ranked, fused

A, B, C = uuid4(), uuid4(), uuid4()
rankings = st.lists(st.uuids(), unique=True, max_size=20).map(
    lambda names: [Ranked(name, 1 / place) for place, name in enumerate(names, start=1)]
)
names = st.lists(st.sampled_from("abcdefghijklmnopqrst"), unique=True, max_size=20)
gains = st.dictionaries(
    st.sampled_from("abcdefghijklmnopqrst"), st.floats(0.1, 10), min_size=1, max_size=20
)


def ranked(*names: UUID) -> list[Ranked]:
    return [Ranked(name, 0.5) for name in names]


def test_first_in_every_ranking_scores_one() -> None:
    (first, *_) = fused(ranked(A, B), ranked(A, C))

    assert first.segment_id == A
    assert first.score == pytest.approx(1)


def test_scores_are_the_sums_of_reciprocal_ranks() -> None:
    scores = {found.segment_id: found.score for found in fused(ranked(A, B), ranked(B, C))}
    most = 2 / (RRF_K + 1)

    assert scores[A] == pytest.approx(1 / (RRF_K + 1) / most)
    assert scores[B] == pytest.approx((1 / (RRF_K + 2) + 1 / (RRF_K + 1)) / most)
    assert scores[C] == pytest.approx(1 / (RRF_K + 2) / most)


def test_found_by_both_beats_found_by_one() -> None:
    assert [found.segment_id for found in fused(ranked(A, B), ranked(C, B))] == [B, A, C]


def test_of_equal_ones_the_earlier_ranking_is_first() -> None:
    assert [found.segment_id for found in fused(ranked(A), ranked(B))] == [A, B]


@given(rankings, rankings)
def test_fusion_keeps_everything_once_in_falling_order(
    one: list[Ranked], other: list[Ranked]
) -> None:
    joined = fused(one, other)

    assert len(joined) == len({found.segment_id for found in joined})
    assert {found.segment_id for found in joined} == {r.segment_id for r in [*one, *other]}
    assert [found.score for found in joined] == sorted((f.score for f in joined), reverse=True)
    assert all(0 < found.score <= 1.0 + 1e-9 for found in joined)


@given(rankings)
def test_fusion_of_one_ranking_keeps_its_order(one: list[Ranked]) -> None:
    assert [found.segment_id for found in fused(one)] == [found.segment_id for found in one]


@pytest.mark.parametrize(
    ("ranking", "relevant", "expected"),
    [
        ("ab", {"a": 1.0, "b": 1.0}, (1.0, 1.0, 1.0)),
        ("xy", {"a": 1.0}, (0.0, 0.0, 0.0)),
        ("", {"a": 1.0}, (0.0, 0.0, 0.0)),
        ("xa", {"a": 1.0}, (0.6309, 1.0, 0.5)),  # 1 / log2(3)
        ("xaxx", {"a": 1.0, "b": 1.0}, (0.3869, 0.5, 0.5)),  # … / (1 + 1 / log2(3))
        ("ab", {"a": 1.0, "b": 3.0}, (0.7967, 1.0, 1.0)),  # (1 + 3/log2 3) / (3 + 1/log2 3)
        ("xxxxxxxxxxa", {"a": 1.0}, (0.0, 0.0, 0.0)),  # the eleventh is not looked at
    ],
)
def test_measures_of_known_rankings(
    ranking: str, relevant: dict[str, float], expected: tuple[float, float, float]
) -> None:
    measured = tuple(measure(ranking, relevant) for measure in (ndcg, recall, reciprocal_rank))

    assert measured == pytest.approx(expected, abs=1e-4)


@given(names, gains)
def test_measures_stay_between_zero_and_one(ranking: list[str], relevant: dict[str, float]) -> None:
    for measure in (ndcg, recall, reciprocal_rank):
        assert 0 <= measure(ranking, relevant) <= 1 + 1e-9


@given(gains)
def test_the_ideal_order_is_worth_one(relevant: dict[str, float]) -> None:
    ideal = sorted(relevant, key=lambda name: relevant[name], reverse=True)

    assert ndcg(ideal, relevant) == pytest.approx(1)
    assert reciprocal_rank(ideal, relevant) == 1
