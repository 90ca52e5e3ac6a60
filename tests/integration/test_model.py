"""A bounded walk of the model of imports; `make chaos` walks 100,000 steps."""

import time

import pytest

from tests.faults.model import walk

pytestmark = pytest.mark.django_db(transaction=True)

STEPS = 1_200


def test_whatever_actors_do_in_whatever_order_every_import_is_whole() -> None:
    seed = time.time_ns() % 1_000_000
    print(f"seed {seed}")  # noqa: T201

    model = walk(seed, STEPS)

    # What was walked through is worth something: imports that ended well and otherwise, and
    # workers that came too late.
    assert model.ends["completed"] > 1
    assert model.ends["cancelled"] + model.ends["failed"] > 0
    assert model.late > 20
