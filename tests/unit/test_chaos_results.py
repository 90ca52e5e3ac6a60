"""What a chaos run says of recoveries, and when it says that something is wrong."""

import json
from collections import Counter

import pytest

from tests.chaos.reader import Gap
from tests.chaos.results import ChaosResult, Done, Recovery, percentile, recoveries

KILL = Done("kill", 10.0, 10.0)
LATER = Done("later kill", 12.0, 12.0)
STOP = Done("stop", 20.0, 31.0)


@pytest.mark.parametrize(
    ("gaps", "expected"),
    [
        ([Gap("a", 9.0, 13.0)], [Recovery("kill", 3.0)]),
        ([Gap("a", 9.0, 13.0), Gap("b", 8.0, 15.0)], [Recovery("kill", 5.0)]),
        ([Gap("a", 10.5, 30.0)], []),
        ([], []),
    ],
)
def test_a_fault_is_recovered_from_when_the_last_import_it_met_moves(
    gaps: list[Gap], expected: list[Recovery]
) -> None:
    assert recoveries([KILL], gaps) == expected


def test_a_standstill_counts_from_the_last_fault_that_fell_into_it() -> None:
    assert recoveries([KILL, LATER], [Gap("a", 9.0, 13.0)]) == [Recovery("later kill", 1.0)]


def test_who_moves_before_a_fault_is_over_need_not_recover() -> None:
    assert recoveries([STOP], [Gap("a", 19.0, 25.0)]) == [Recovery("stop", 0.0)]
    assert recoveries([STOP], [Gap("a", 19.0, 33.0)]) == [Recovery("stop", 2.0)]


@pytest.mark.parametrize(
    ("share", "expected"), [(0.5, 2.0), (0.75, 3.0), (0.99, 4.0), (1.0, 4.0), (0.01, 1.0)]
)
def test_percentiles_are_values_that_were_seen(share: float, expected: float) -> None:
    assert percentile([3.0, 1.0, 4.0, 2.0], share) == expected
    assert percentile([], share) == 0


@pytest.mark.parametrize(
    "spoil",
    [
        {"rows_lost": 1},
        {"rows_doubled": 1},
        {"extra_imports": 1},
        {"half_visible": ["import x: publishing, 3 of 5 rows"]},
        {"wrong": ["stuck: import x"]},
    ],
)
def test_a_run_is_good_as_long_as_nothing_is_lost_doubled_half_visible_or_stuck(
    spoil: dict[str, object],
) -> None:
    good = ChaosResult("orm", 1, 11.0, faults=Counter(kill=3), recoveries=[Recovery("kill", 2.0)])
    assert good.as_json()["is_good"]
    assert (good.p99, good.as_json()["recovery_longest_by_kind"]) == (2.0, {"kill": 2.0})

    for name, value in spoil.items():
        setattr(good, name, value)
    told = json.loads(json.dumps(good.as_json()))
    assert (told["is_good"], told["faults"]) == (False, {"kill": 3})
