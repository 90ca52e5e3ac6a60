"""Bounded walks of the model of imports; `make chaos` walks 100,000 steps."""

import time

import pytest

from tests.faults.model import walk

pytestmark = pytest.mark.django_db(transaction=True)

STEPS = 400
KNOWN_SEED = 3


def test_whatever_actors_do_in_whatever_order_every_import_is_whole() -> None:
    seed = time.time_ns() % 1_000_000
    print(f"seed {seed}")  # noqa: T201

    walked = walk(seed, STEPS)

    assert walked.moves.total() == STEPS


def test_what_is_walked_through_is_worth_something() -> None:
    walked = walk(KNOWN_SEED, STEPS)

    # Imports that ended well and otherwise, and workers that came too late.
    assert walked.ends["completed"] > 1
    assert walked.ends["cancelled"] + walked.ends["failed"] > 0
    assert walked.late > 20
