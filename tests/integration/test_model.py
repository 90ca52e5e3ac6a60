"""Bounded walks of the model of imports; `make chaos` walks 100,000 steps."""

import time

import pytest

from tests.faults.model import walk

pytestmark = pytest.mark.django_db(transaction=True)

STEPS = 600
KNOWN_SEED = 3


def test_whatever_actors_do_in_whatever_order_every_import_is_whole() -> None:
    seed = time.time_ns() % 1_000_000
    print(f"seed {seed}")  # noqa: T201

    model = walk(seed, STEPS)

    assert model.moves.total() == STEPS


def test_what_is_walked_through_is_worth_something() -> None:
    model = walk(KNOWN_SEED, STEPS)

    # Imports that ended well and otherwise, and workers that came too late.
    assert model.ends["completed"] > 1
    assert model.ends["cancelled"] + model.ends["failed"] > 0
    assert model.late > 20
