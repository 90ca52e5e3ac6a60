"""A fault at every statement, COPY, COMMIT, file access and model call of what imports do.

The points find themselves: whatever is new is covered. Here each point gets one of the two
faults that a process survives, in turns, and some get a SIGKILL; `make chaos` does all of them
everywhere.
"""

import random
import time

import pytest

from tests.faults.hitting import every_hit, hit
from tests.faults.points import Fault
from tests.faults.scenarios import SCENARIOS, Scenario

pytestmark = pytest.mark.django_db(transaction=True)

SURVIVED = (Fault.ERROR, Fault.CUT)
KILLS = (Fault.KILL_BEFORE, Fault.KILL_AFTER)
KILLS_HERE = 6


@pytest.fixture
def chance() -> random.Random:
    """Chance that can be had again: pytest shows the seed when a test fails."""
    seed = time.time_ns() % 1_000_000
    print(f"seed {seed}")  # noqa: T201
    return random.Random(seed)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_an_error_or_a_lost_answer_at_every_point(
    scenario: type[Scenario], chance: random.Random
) -> None:
    turn = chance.randrange(2)
    for what in every_hit(scenario, SURVIVED):
        if (what.number + SURVIVED.index(what.fault)) % 2 == turn:
            hit(scenario, what.number, what.fault, what.point)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_a_kill_at_some_points(scenario: type[Scenario], chance: random.Random) -> None:
    hits = list(every_hit(scenario, KILLS))
    for what in chance.sample(hits, min(KILLS_HERE, len(hits))):
        hit(scenario, what.number, what.fault, what.point)
