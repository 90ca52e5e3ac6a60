"""The cache that web and workers share."""

from collections.abc import Iterator
from uuid import uuid4

from django.core.cache import cache

from segments.operations.doctor.check import Check, Problem

KEY = "segmill_doctor"
SECONDS = 10


class CacheCheck(Check):
    """What is put in comes out again. Imports go on without it; their pages are slower."""

    name = "cache"
    needs_tables = False

    def look(self) -> Iterator[Problem]:
        """A word that does not come back."""
        word = uuid4().hex
        cache.set(KEY, word, SECONDS)
        if cache.get(KEY) != word:
            yield Problem(
                "What was put in does not come out again.",
                "See SEGMILL_CACHE_URL, or the space and rights of SEGMILL_HOME/cache.",
            )
        cache.delete(KEY)

    def summary(self) -> str:
        """What kind it is."""
        return type(cache._connections["default"]).__name__  # type: ignore[attr-defined]
