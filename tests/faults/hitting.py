"""Injects one fault at one point of a scenario, in this process or in a child that it kills."""

import os
import random
import signal
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import cycle

from django.db import connections

from tests.faults.points import Fault, Point, Tap, tapped
from tests.faults.scenarios import SCENARIOS, Scenario

SHOWN_CHARS = 100


@dataclass(frozen=True, slots=True)
class Hit:
    """A fault, and where to inject it."""

    scenario: type[Scenario]
    point: Point
    fault: Fault

    def __str__(self) -> str:
        where = f"{self.scenario.name}, {self.fault}, occurrence {self.point.occurrence}"
        return f"{where}: {self.point.name[:SHOWN_CHARS]}"


def find_points(scenario: type[Scenario]) -> list[Point]:
    """The points of a scenario without a fault, after everything that stays loaded is loaded."""
    _points_now(scenario)
    return _points_now(scenario)


def _points_now(scenario: type[Scenario]) -> list[Point]:
    undisturbed = scenario()
    with undisturbed.settings(), tapped(Tap()) as tap:
        undisturbed.act()
    undisturbed.recover()
    return tap.seen


def hit(what: Hit) -> None:
    """Inject the fault; check that nothing is half visible and that everything recovers.

    Raises:
        AssertionError: the point did not occur, something is half visible, or does not
            recover; the text says where.
    """
    found = what.scenario()
    tap = Tap(what.point, what.fault)
    try:
        is_done = _act_and_die(found, tap) if what.fault.is_kill else _act(found, tap)
        assert is_done, "it did not occur again"
        connections.close_all()
        found.check_whole()
        found.recover()
    except Exception as wrong:
        raise AssertionError(f"{what}: {type(wrong).__name__}: {wrong}") from wrong


def every_hit(scenario: type[Scenario]) -> Iterator[Hit]:
    """All faults at all points of a scenario."""
    for point in find_points(scenario):
        for fault in Fault:
            yield Hit(scenario, point, fault)


def sampled_hits(chance: random.Random, lost_answers: int) -> list[Hit]:
    """For each statement, wherever it occurs, one fault that prevents its effect.

    At `lost_answers` of them also one that comes after it. Errors and kills alternate.
    """
    places = defaultdict[str, list[tuple[type[Scenario], Point]]](list)
    for scenario in SCENARIOS:
        for point in find_points(scenario):
            places[point.name].append((scenario, point))
    before = cycle([fault for fault in Fault if fault.is_before])
    after = cycle([fault for fault in Fault if not fault.is_before])
    order = chance.sample(sorted(places), len(places))
    pairs = [*zip(order, before, strict=False), *zip(order[:lost_answers], after, strict=False)]
    return [Hit(*chance.choice(places[name]), fault) for name, fault in pairs]


def _act(scenario: Scenario, tap: Tap) -> bool:
    """Any outcome of the fault is fine, as long as the database is correct."""
    with scenario.settings(), tapped(tap), suppress(Exception):
        scenario.act()
    return tap.is_done


def _act_and_die(scenario: Scenario, tap: Tap) -> bool:
    """In a child that shares no connection with us; True if it was killed at the point."""
    connections.close_all()
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        try:
            _act(scenario, tap)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    died = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    assert died or os.WEXITSTATUS(status) == 0, status
    return died
