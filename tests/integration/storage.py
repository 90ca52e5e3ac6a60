"""What the storage holds."""

from django.core.files.storage import default_storage

from segments.uploads import FOLDER


def stored_files() -> set[str]:
    """The names of all files that imports may read."""
    return set(default_storage.listdir(FOLDER)[1]) if default_storage.exists(FOLDER) else set()
