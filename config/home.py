"""The folder of an installation, and what is kept there."""

import os
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

from django.core.exceptions import ImproperlyConfigured
from django.core.management.utils import get_random_secret_key


def folder_in(home: Path, name: str) -> Path:
    """The folder of that name in `home`, made where it is not there.

    Raises:
        ImproperlyConfigured: nothing can be kept there.
    """
    path = home / name
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as trouble:
        raise nothing_kept(home, trouble) from trouble
    return path


def nothing_kept(home: Path, trouble: OSError) -> ImproperlyConfigured:
    """The refusal of a home that cannot be written."""
    return ImproperlyConfigured(
        f"SEGMILL_HOME is {home}, where nothing can be kept ({trouble.strerror}). "
        "Set it to a folder of your own."
    )


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
