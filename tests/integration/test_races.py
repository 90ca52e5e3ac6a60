"""A few races of each kind; `make chaos` runs thousands."""

import time

import pytest

from tests.faults.races import RACES, race

pytestmark = pytest.mark.django_db(transaction=True)

TIMES = 12


@pytest.mark.parametrize("kind", RACES)
def test_whoever_is_first_all_is_consistent(kind: str) -> None:
    seed = time.time_ns() % 1_000_000
    print(f"seed {seed}")  # noqa: T201

    assert race(kind, TIMES, seed).ends.total() == TIMES
