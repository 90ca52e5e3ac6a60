"""Stored files: kept as long as somebody may need them, and no longer."""

import os
import time
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from django.utils import timezone
from pytest_django import Settings

from datasets.models import Document
from segments.models import ImportJob
from segments.models.import_job import ImportSource
from segments.services import imports
from segments.uploads import UNUSED_FOR, UPLOADED_FOR, remove_stale_files, store_file

pytestmark = pytest.mark.django_db(transaction=True)

HOUR = 3_600
DAY = 24 * HOUR


@pytest.fixture(autouse=True)
def own_storage(settings: Settings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path


def stored(age: float) -> str:
    """A stored file that was last written `age` seconds ago."""
    key = store_file(BytesIO(b"content\nx\n"), "rows.csv").key
    moment = time.time() - age
    os.utime(default_storage.path(key), (moment, moment))
    return key


def ended(document: Document, key: str, age: float) -> ImportJob:
    job = ImportJob.objects.create(
        tenant=document.tenant,
        dataset=document.dataset,
        document=document,
        source=ImportSource.ADMIN,
        file_name="rows.csv",
        file_key=key,
        file_sha256="0" * 64,
        file_bytes=10,
    )
    imports.cancel_import(job)
    ImportJob.objects.filter(pk=job.pk).update(finished_at=timezone.now() - timedelta(seconds=age))
    return job


def test_a_file_that_was_never_imported_goes_after_a_day() -> None:
    young, old = stored(age=23 * HOUR), stored(age=26 * HOUR)

    assert remove_stale_files() == 1
    assert default_storage.exists(young)
    assert not default_storage.exists(old)
    assert remove_stale_files() == 0


def test_a_confirmed_upload_outlives_its_confirmation() -> None:
    assert UNUSED_FOR > UPLOADED_FOR


def test_the_file_of_an_ended_import_is_kept_for_retries(
    document: Document, settings: Settings
) -> None:
    settings.SEGMILL_KEEP_FILES_DAYS = 7
    young, old = stored(age=30 * DAY), stored(age=30 * DAY)
    ended(document, young, age=6 * DAY)
    ended(document, old, age=8 * DAY)

    assert remove_stale_files() == 1
    assert default_storage.exists(young)


def test_the_file_of_an_open_import_stays(document: Document) -> None:
    key = stored(age=30 * DAY)
    imports.retry_import(ended(document, key, age=8 * DAY), source=ImportSource.ADMIN)

    assert remove_stale_files() == 0


def test_an_installation_without_files_has_nothing_to_remove() -> None:
    assert remove_stale_files() == 0
