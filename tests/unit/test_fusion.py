"""Fusion of two rankings by their scores, and the measures of retrieval."""

from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segments.search.evaluation import ndcg, recall, reciprocal_rank
from segments.search.fusion import Ranked, fused

A, B, C = uuid4(), uuid4(), uuid4()
NAMES = {"a": A, "b": B, "c": C}
rankings = st.lists(st.uuids(), unique=True, max_size=20).map(
    lambda names: [Ranked(name, 1 / place) for place, name in enumerate(names, start=1)]
)
names = st.lists(st.sampled_from("abcdefghijklmnopqrst"), unique=True, max_size=20)
gains = st.dictionaries(
    st.sampled_from("abcdefghijklmnopqrst"), st.floats(0.1, 10), min_size=1, max_size=20
)


def ranked(**scores: float) -> list[Ranked]:
    return [Ranked(NAMES[name], score) for name, score in scores.items()]


def scores(joined: list[Ranked]) -> dict[UUID, float]:
    return {found.segment_id: found.score for found in joined}


def test_first_in_both_scores_one() -> None:
    (first, *_) = fused(ranked(a=7.0, b=2.0), ranked(a=0.3, c=0.1), 0.3)

    assert first.segment_id == A
    assert first.score == pytest.approx(1)


def test_words_are_shares_of_the_best_and_meaning_runs_from_one_to_zero() -> None:
    joined = fused(ranked(a=8.0, b=2.0), ranked(b=0.9, c=0.7, a=0.5), 0.4)

    assert scores(joined) == pytest.approx(
        {A: 0.6 * 1 + 0.4 * 0, B: 0.6 * 0.25 + 0.4 * 1, C: 0.4 * 0.5}
    )
    assert [found.segment_id for found in joined] == [A, B, C]


def test_all_weight_on_one_side_is_its_order() -> None:
    words, meaning = ranked(a=8.0, b=2.0), ranked(b=0.9, c=0.7, a=0.5)

    assert [found.segment_id for found in fused(words, meaning, 0.0)] == [A, B, C]
    assert [found.segment_id for found in fused(words, meaning, 1.0)] == [B, C, A]


def test_an_empty_ranking_has_no_say() -> None:
    assert scores(fused([], ranked(a=0.9, b=0.8), 0.1)) == pytest.approx({A: 1, B: 0})
    assert scores(fused(ranked(a=4.0, b=1.0), [], 0.9)) == pytest.approx({A: 1, B: 0.25})
    assert fused([], [], 0.5) == []


def test_equal_similarities_are_all_best() -> None:
    assert scores(fused([], ranked(a=0.5, b=0.5), 0.5)) == {A: 1.0, B: 1.0}


def test_of_equal_ones_the_words_come_first() -> None:
    assert [found.segment_id for found in fused(ranked(a=1.0), ranked(b=1.0), 0.5)] == [A, B]


@given(rankings, rankings, st.floats(0, 1))
def test_fusion_keeps_everything_once_in_falling_order(
    one: list[Ranked], other: list[Ranked], weight: float
) -> None:
    joined = fused(one, other, weight)

    assert len(joined) == len({found.segment_id for found in joined})
    assert {found.segment_id for found in joined} == {r.segment_id for r in [*one, *other]}
    assert [found.score for found in joined] == sorted((f.score for f in joined), reverse=True)
    assert all(0 <= found.score <= 1.0 + 1e-9 for found in joined)


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
