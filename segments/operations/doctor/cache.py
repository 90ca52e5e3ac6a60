"""The cache that web and workers share."""

from collections.abc import Iterator
from uuid import uuid4

from django.core.cache import cache

from segments.operations.doctor.check import Check, Problem

KEY = "segmill_doctor"
SECONDS = 10
REMEDY = (
    "See REDIS_URL and SEGMILL_CACHE_URL; without them, the space and rights of SEGMILL_HOME/cache."
)


class CacheCheck(Check):
    """What is put in comes out again. Imports go on without it; their pages are slower."""

    name = "cache"
    needs_tables = False

    def look(self) -> Iterator[Problem]:
        """A word that does not come back."""
        try:
            came_back = _comes_back(uuid4().hex)
        except Exception as trouble:  # noqa: BLE001  (every backend raises what it likes)
            yield Problem(f"It does not answer: {str(trouble) or type(trouble).__name__}", REMEDY)
        else:
            if not came_back:
                yield Problem("What was put in does not come out again.", REMEDY)

    def summary(self) -> str:
        """What kind it is."""
        return type(cache._connections["default"]).__name__  # type: ignore[attr-defined]


def _comes_back(word: str) -> bool:
    cache.set(KEY, word, SECONDS)
    try:
        return bool(cache.get(KEY) == word)
    finally:
        cache.delete(KEY)
