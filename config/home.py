"""The folder of an installation, and what is kept there."""

import os
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

from django.core.exceptions import ImproperlyConfigured
from django.core.management.utils import get_random_secret_key


def folder_in(home: Path, name: str) -> Path:
    """The folder of that name in `home`, created if it is missing.

    Raises:
        ImproperlyConfigured: the folder cannot be created.
    """
    path = home / name
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as trouble:
        raise nothing_kept(home, trouble) from trouble
    return path


def nothing_kept(home: Path, trouble: OSError) -> ImproperlyConfigured:
    """The refusal of a home that is not writable."""
    return ImproperlyConfigured(
        f"SEGMILL_HOME is {home}, which is not writable ({trouble.strerror}). "
        "Set it to a folder that you own."
    )


def local_secret_key(home: Path) -> str:
    """The key in `home`; created on first use, readable only by its owner.

    Processes that start together agree on one key: the file appears whole, by one link.

    Raises:
        ImproperlyConfigured: the home is not writable.
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
        with suppress(FileExistsError):  # another process was first; use its key
            path.hardlink_to(draft.name)
