"""Uploads in the database: a worker host without the file imports it all the same."""

from datetime import timedelta
from io import BytesIO

import pytest
from django.core.files.base import ContentFile
from pytest_django import Settings

from datasets.models import Document
from segments.db import storage
from segments.db.storage import DatabaseStorage
from segments.models import ImportJob
from segments.services import imports
from segments.uploads import remove_stale_files, upload_storage

from .conftest import Start


@pytest.fixture
def in_database(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Uploads are in the database, in pieces of a few bytes."""
    settings.STORAGES = settings.STORAGES | {
        "segmill": {"BACKEND": "segments.db.storage.DatabaseStorage"}
    }
    monkeypatch.setattr(storage, "PIECE_BYTES", 7)


def test_a_host_without_the_file_imports_it(
    in_database: None, passages: Document, start: Start
) -> None:
    job = start(passages, "content\none row\nanother row\n")
    assert isinstance(upload_storage(), DatabaseStorage)

    imports.run_in_foreground(ImportJob.objects.get(pk=job.pk))

    job.refresh_from_db()
    assert (job.status, job.rows_created) == ("completed", 2)


def test_a_file_comes_back_whole_and_goes_whole(in_database: None, transactional_db: None) -> None:
    kept, content = DatabaseStorage(), bytes(range(256)) * 3
    name = kept.save("imports/one", ContentFile(content))

    with kept.open(name) as file:
        assert file.read() == content
        file.seek(250)
        assert file.read(3) == content[250:253]
    assert kept.size(name) == len(content)
    assert kept.listdir("imports") == ([], ["one"])
    assert kept.exists(name)
    kept.delete(name)
    assert not kept.exists(name)
    with pytest.raises(FileNotFoundError):
        kept.open(name)
    with pytest.raises(FileNotFoundError):
        kept.get_modified_time(name)


def test_an_empty_file_is_there_too(in_database: None, transactional_db: None) -> None:
    kept = DatabaseStorage()
    name = kept.save("imports/empty", BytesIO(b""))
    with kept.open(name) as file:
        assert file.read() == b""
    assert kept.size(name) == 0


def test_a_file_that_was_never_imported_is_removed_when_it_is_old(
    in_database: None, transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = DatabaseStorage()
    name = kept.save("imports/old", ContentFile(b"content"))
    assert remove_stale_files() == 0
    monkeypatch.setattr("segments.uploads.UNUSED_FOR", timedelta(seconds=-60))
    assert remove_stale_files() == 1
    assert not kept.exists(name)
