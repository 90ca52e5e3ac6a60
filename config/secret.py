"""The signing key of a local installation, made once and kept in its home."""

import os
from pathlib import Path

from django.core.management.utils import get_random_secret_key

OWNER_ONLY = 0o600


def local_secret_key(home: Path) -> str:
    """The key in `home`; made on first use, readable by its owner alone.

    Processes that start together agree on one key: the file appears whole, by one link.
    """
    path = home / "secret_key"
    if not path.exists():
        home.mkdir(parents=True, exist_ok=True)
        draft = home / f"secret_key.{os.getpid()}"
        draft.touch(mode=OWNER_ONLY)
        draft.write_text(get_random_secret_key())
        try:
            path.hardlink_to(draft)
        except FileExistsError:
            pass  # another process was first; its key is the one
        finally:
            draft.unlink()
    return path.read_text()
