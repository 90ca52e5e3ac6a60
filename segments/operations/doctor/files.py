"""The uploaded files: those that imports need are there, those that nobody needs are not."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from segments.models import ImportJob, UploadFile
from segments.models.import_job import ImportStatus
from segments.operations.doctor.check import Check, Problem
from segments.uploads import find_stale_files, is_stored, remove_stale_files, stored_keys

# After preparing, an import does not read its file any more.
READING = (ImportStatus.WAITING, ImportStatus.PREPARING)


class FilesCheck(Check):
    """Storage and tables agree, and there is room for another file of the largest size."""

    name = "files"
    can_repair = True

    def look(self) -> Iterator[Problem]:
        """Files that are missing, files that are nobody's, and a disk that is full."""
        for reading in ImportJob.objects.filter(status__in=READING):
            if not is_stored(reading.file_key):
                yield Problem(
                    f"The file of import {reading.pk} ({reading.file_name}) is not in the storage.",
                    "Do all machines share one storage? If the file is lost, import it again; "
                    "this import will fail and say so.",
                )
        if lost := _lost_uploads():
            yield Problem(
                f"{len(lost):,} uploads are listed whose files are not in the storage.",
                "Run: manage.py doctor --repair",
            )
        if stale := find_stale_files():
            yield Problem(
                f"{len(stale):,} files are not needed any more.",
                "Run: manage.py doctor --repair (or the reaper, which removes them hourly)",
                can_wait=True,
            )
        yield from _space()

    def repair(self) -> Iterator[str]:
        """Remove files that nobody needs, and the entries of files that are gone."""
        if removed := remove_stale_files():
            yield f"{removed:,} files that nobody needs were removed."
        lost = _lost_uploads()
        if lost:
            UploadFile.objects.filter(pk__in=[upload.pk for upload in lost]).delete()
            yield f"{len(lost):,} uploads without a file were taken off the list."

    def summary(self) -> str:
        """How many there are."""
        return f"{len(stored_keys()):,} files stored"


def _lost_uploads() -> list[UploadFile]:
    return [upload for upload in UploadFile.objects.all() if not is_stored(upload.key)]


def _space() -> Iterator[Problem]:
    folder = Path(settings.FILE_UPLOAD_TEMP_DIR)
    free, needed = shutil.disk_usage(folder).free, 2 * settings.SEGMILL_MAX_FILE_BYTES
    if free < needed:
        yield Problem(
            f"The disk of {folder} has {free:,} bytes left: too few for an upload of the largest "
            f"size and its copy ({needed:,}).",
            "Make room, or lower SEGMILL_MAX_FILE_BYTES.",
            can_wait=True,
        )
