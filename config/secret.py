"""The signing key of a local installation, made once and kept in its home."""

import os
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

from django.core.management.utils import get_random_secret_key

from config.home import nothing_kept


def local_secret_key(home: Path) -> str:
    """The key in `home`; made on first use, readable by its owner alone.

    Processes that start together agree on one key: the file appears whole, by one link.

    Raises:
        ImproperlyConfigured: nothing can be kept there.
    """
    path = home / "secret_key"
    try:
        if not path.exists():
            _make(path)
        return path.read_text()
    except OSError as trouble:
        raise nothing_kept(home, trouble) from trouble


def _make(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile("w", dir=path.parent, prefix="secret_key.") as draft:
        draft.write(get_random_secret_key())
        draft.flush()
        os.fsync(draft.fileno())
        with suppress(FileExistsError):  # another process was first; its key is the one
            path.hardlink_to(draft.name)
