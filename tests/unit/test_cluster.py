"""Which deaths a cluster of workers survives, and which it ends for."""

from types import SimpleNamespace
from typing import Any

import pytest

from segments.operations.cluster import IDLE, may_hold_a_lock

BUSY, TIMED_OUT, RECYCLED = 60.0, 0.0, -2.0


def dead(exitcode: int | None, timer: float | None = None) -> Any:
    """A process as its sentinel sees it; only workers have a timer."""
    process = SimpleNamespace(exitcode=exitcode)
    if timer is not None:
        process.timer = SimpleNamespace(value=timer)
    return process


@pytest.mark.parametrize("process", [dead(-9, IDLE), dead(-9), dead(-15)])
def test_who_was_killed_while_idle_may_have_a_lock(process: Any) -> None:
    assert may_hold_a_lock(process)


@pytest.mark.parametrize(
    "process",
    [dead(-9, BUSY), dead(None, TIMED_OUT), dead(0, RECYCLED), dead(1, IDLE), dead(1)],
)
def test_who_was_busy_or_ended_by_itself_has_none(process: Any) -> None:
    assert not may_hold_a_lock(process)
