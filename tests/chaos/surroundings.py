"""The environment of a chaos run: its own home, and the settings of all its processes.

This comes before Django reads its settings, so nothing of Django is imported here.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from config import embedded
from tests.constants import with_constants

# Short, so that hundreds of faults fit into half an hour; nothing else depends on them.
LEASE_SECONDS = 10
TICK_SECONDS = 1
WORKERS = 2
CHUNK_ROWS = 10
DIMENSIONS = 8
# An import meets more faults here than anywhere else: none of them may end it.
MAX_ATTEMPTS = 1_000

QUICK = {
    "SEGMILL_LEASE_SECONDS": str(LEASE_SECONDS),
    "SEGMILL_WORKERS": str(WORKERS),
    "SEGMILL_CHUNK_ROWS": str(CHUNK_ROWS),
    "SEGMILL_EMBEDDING_DIMENSIONS": str(DIMENSIONS),
    "SEGMILL_EMBEDDING_PROVIDER": "openai",
    "SEGMILL_EMBEDDING_MODEL": "m",
} | with_constants(
    {
        "segments.operations.reaper.LOOK_SECONDS": TICK_SECONDS,
        # A cluster takes longer to start while hundreds of processes are starting.
        "segments.operations.reaper.STALL_GRACE_SECONDS": LEASE_SECONDS + TICK_SECONDS,
        "segments.jobs.leases.RETRY_SECONDS": 1,
        "segments.jobs.leases.RESUME_SECONDS": 1,
        "segments.jobs.leases.MAX_ATTEMPTS": MAX_ATTEMPTS,
        "segments.imports.embed_pool.THREADS": 1,
    }
)


@contextmanager
def own_home() -> Iterator[Path]:
    """A temporary home for this process and everything it starts."""
    with tempfile.TemporaryDirectory(prefix="segmill-chaos-", ignore_cleanup_errors=True) as folder:
        home = Path(folder) / "home"
        home.mkdir()
        os.environ |= {"SEGMILL_HOME": str(home), "DATABASE_URL": "", "REDIS_URL": ""}
        os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
        try:
            yield home
        finally:
            embedded.stop(home)


def take_settings(**settings: str) -> None:
    """Apply `settings` to this process and everything it starts from here on."""
    os.environ |= settings
