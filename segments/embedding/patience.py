"""How long to wait before a model is asked again: longer each time, never all at once."""

import random
from collections.abc import Callable
from time import monotonic, sleep
from typing import TypeVar

from segments.exceptions import EndpointFailed, RateLimited

T = TypeVar("T")

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0


def pause_after(failures: int, wanted: float | None = None) -> float:
    """Seconds to wait after so many failures in a row, and at least as long as `wanted`.

    Half of it is chance, so that workers that failed together do not come back together.
    """
    longest = min(FIRST_PAUSE_SECONDS * 2 ** (failures - 1), LONGEST_PAUSE_SECONDS)
    chosen = random.uniform(longest / 2, longest)  # noqa: S311  (not a secret)
    return max(chosen, wanted or 0.0)


def ask_patiently(ask: Callable[[], T], attempts: int, seconds: float) -> T:
    """The answer of `ask`, tried so often and for so long as somebody waits for it.

    Raises:
        EmbeddingFailed: as the last try raised it.
    """
    ends = monotonic() + seconds
    failures = 0
    while True:
        try:
            return ask()
        except (RateLimited, EndpointFailed) as trouble:
            failures += 1
            pause = pause_after(failures, trouble.retry_after)
            if failures >= attempts or monotonic() + pause > ends:
                raise
            sleep(pause)
