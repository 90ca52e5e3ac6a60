"""The cache's copies of imports' states: strings of JSON under the key that Dify's clients know.

A cache may lose what it holds and may be down: nothing here fails because of it.
"""

import logging
from threading import Lock
from time import monotonic
from uuid import UUID

from django.core.cache import cache

logger = logging.getLogger(__name__)

# While an import is open, a copy that nobody renews for so long is not trusted any more.
OPEN_SECONDS = 60
# After the end, as long as Dify keeps the word.
FINAL_SECONDS = 600


def key(job_id: UUID | str) -> str:
    """Where the state of the import is."""
    return f"segment_batch_import_{job_id}"


def read(job_id: UUID) -> str | None:
    """The copy, or None when there is none, or no cache."""
    try:
        text = cache.get(key(job_id))
    except Exception as trouble:  # noqa: BLE001  (every backend raises what it likes)
        logger.warning("import %s: the cache cannot be read: %s", job_id, trouble)
        return None
    return text if isinstance(text, str) else None


def write(job_id: UUID, text: str, *, is_final: bool) -> bool:
    """Keep `text` as the copy; whether the cache took it."""
    try:
        cache.set(key(job_id), text, FINAL_SECONDS if is_final else OPEN_SECONDS)
    except Exception as trouble:  # noqa: BLE001  (every backend raises what it likes)
        logger.warning("import %s: the cache cannot be written: %s", job_id, trouble)
        return False
    return True


class Throttle:
    """Lets something happen for each of many things at most once in so many seconds."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._last: dict[UUID, float] = {}
        self._lock = Lock()

    def allows(self, what: UUID) -> bool:
        """Whether it is time again for `what`; if so, its time starts anew."""
        now = monotonic()
        with self._lock:
            self._last = {key: at for key, at in self._last.items() if now - at < self._seconds}
            if what in self._last:
                return False
            self._last[what] = now
            return True
