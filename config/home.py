"""The folder of an installation, and what is kept there."""

from pathlib import Path

from django.core.exceptions import ImproperlyConfigured


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
