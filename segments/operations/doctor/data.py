"""Checks of the data: credentials, document totals, uploaded files."""

import shutil
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from tempfile import gettempdir
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet

from datasets.models import Dataset, Document, IndexingStatus
from datasets.wording import how_many
from segments.embedding.credentials import is_current, renewed
from segments.embedding.languages import REMEDY, language_advice
from segments.exceptions import CredentialsUnreadable
from segments.models import FullTextRebuild, ImportJob, ModelProvider, UploadFile, Webhook
from segments.models.import_job import ImportStatus
from segments.operations.doctor.check import REPAIR, Check, Problem
from segments.uploads import find_stale_files, is_stored, remove_stale_files, stored_keys


class CredentialsCheck(Check):
    """All of them can be decrypted with the first key, so older keys can be removed."""

    name = "credentials"
    can_repair = True

    def look(self) -> Iterator[Problem]:
        """Credentials that cannot be decrypted, and those that still need an older key."""
        for each in _encrypted():
            try:
                if not is_current(each.stored):
                    yield Problem(
                        f"{each.what} is encrypted with an older key.",
                        f"{REPAIR}; then the older key can be removed.",
                        can_wait=True,
                    )
            except CredentialsUnreadable as refusal:
                yield Problem(
                    f"{each.what} of tenant “{each.row.tenant}”: {refusal}",
                    "Add the old key as the last of SEGMILL_CREDENTIALS_KEY (or of "
                    "SEGMILL_SECRET_KEY_FALLBACKS), or enter the provider's key again; draw "
                    "another secret for a webhook.",
                )

    def repair(self) -> Iterator[str]:
        """Encrypt with the first key what is encrypted with an older one."""
        for each in _encrypted():
            try:
                if is_current(each.stored):
                    continue
                fresh = renewed(each.stored)
            except CredentialsUnreadable:
                continue
            same = type(each.row)._base_manager.filter(
                **{"pk": each.row.pk, each.field: each.stored}
            )
            if same.update(**{each.field: fresh}):
                yield f"{each.what} is encrypted with the current key."

    def summary(self) -> str:
        """How many there are."""
        webhooks = Webhook.objects.count()
        secrets = f" and {how_many(webhooks, 'webhook secret')}" if webhooks else ""
        return f"{how_many(_with_credentials().count(), 'provider key')}{secrets} can be read"


class _Encrypted(NamedTuple):
    what: str
    row: ModelProvider | Webhook
    field: str

    @property
    def stored(self) -> str:
        return str(getattr(self.row, self.field))


def _encrypted() -> Iterator[_Encrypted]:
    for provider in _with_credentials():
        yield _Encrypted(f"The key of provider “{provider}”", provider, "credentials")
    for webhook in Webhook.objects.select_related("tenant"):
        yield _Encrypted(f"The secret of webhook “{webhook}”", webhook, "secret")


def _with_credentials() -> QuerySet[ModelProvider]:
    return ModelProvider.objects.exclude(credentials="").select_related("tenant")


LISTED = 5
# In one statement, so in one snapshot: it sees a concurrent import entirely or not at all.
DISAGREEING = """
    SELECT document.id, document.name, document.segment_count,
           coalesce(counted.segments, 0), document.word_count, coalesce(counted.words, 0),
           document.tokens, coalesce(counted.tokens, 0)
    FROM datasets_document AS document
    LEFT JOIN (
        SELECT document_id, count(*) AS segments, sum(word_count) AS words, sum(tokens) AS tokens
        FROM segments_documentsegment GROUP BY document_id
    ) AS counted ON counted.document_id = document.id
    WHERE (document.segment_count, document.word_count, document.tokens) <>
        (coalesce(counted.segments, 0), coalesce(counted.words, 0), coalesce(counted.tokens, 0))
    ORDER BY document.name, document.id
"""
CORRECT = """
    UPDATE datasets_document SET (segment_count, word_count, tokens) = (
        SELECT count(*), coalesce(sum(word_count), 0), coalesce(sum(tokens), 0)
        FROM segments_documentsegment WHERE document_id = %(document)s)
    WHERE id = %(document)s
"""


class DocumentTotalsCheck(Check):
    """Every document's totals of segments, characters and tokens match its segments."""

    name = "document totals"
    can_repair = True

    def look(self) -> Iterator[Problem]:
        """Documents whose totals are wrong, with both numbers."""
        wrong = _disagreeing()
        for row in islice(wrong, LISTED):
            yield Problem(
                f"Document “{row[1]}” ({row[0]}) {_difference(row)}.",
                REPAIR,
            )
        if len(wrong) > LISTED:
            yield Problem(f"So do {len(wrong) - LISTED:,} more.", REPAIR)

    def repair(self) -> Iterator[str]:
        """Count the segments again, document by document, each under its lock."""
        for row in _disagreeing():
            if _correct(row[0]):
                yield f"Document “{row[1]}” ({row[0]}): the totals were corrected."

    def summary(self) -> str:
        """How many were compared."""
        documents = how_many(Document.objects.count(), "document agrees", "documents agree")
        return f"{documents} with the segments counted"


def _disagreeing() -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(DISAGREEING)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def _difference(row: tuple[Any, ...]) -> str:
    pairs = zip(("segments", "characters", "tokens"), row[2::2], row[3::2], strict=True)
    wrong = [f"{says:,} {what}, has {has:,}" for what, says, has in pairs if says != has]
    return "says " + "; ".join(wrong)


@transaction.atomic
def _correct(document_id: UUID) -> bool:
    """Count a document's segments again; False if it was deleted.

    Everything that adds or removes segments locks the document first, and so does this.
    """
    is_there = Document.objects.select_for_update().filter(pk=document_id).exists()
    if is_there:
        with connection.cursor() as cursor:
            cursor.execute(CORRECT, {"document": document_id})
    return is_there


# After preparing, an import does not read its file any more.
READING = (ImportStatus.WAITING, ImportStatus.PREPARING)


class FilesCheck(Check):
    """Storage and tables agree, and there is room for one more file of the largest size."""

    name = "files"
    can_repair = True

    def look(self) -> Iterator[Problem]:
        """Missing files, files that nothing refers to, and a full disk."""
        for reading in ImportJob.objects.filter(status__in=READING):
            if not is_stored(reading.file_key):
                yield Problem(
                    f"The file of import {reading.pk} ({reading.file_name}) is not in the storage.",
                    "Check that all machines share one storage. If the file is lost, import it "
                    "again: this import will fail.",
                )
        if lost := _lost_uploads():
            yield Problem(
                f"Listed without a file in the storage: {how_many(len(lost), 'upload')}.",
                REPAIR,
            )
        if stale := find_stale_files():
            yield Problem(
                how_many(len(stale), "file is", "files are") + " no longer needed.",
                f"{REPAIR} (or wait for the reaper, which removes them hourly)",
                can_wait=True,
            )
        yield from _space()

    def repair(self) -> Iterator[str]:
        """Remove files that are no longer needed, and uploads whose file is missing."""
        if removed := remove_stale_files():
            yield f"Removed, as no longer needed: {how_many(removed, 'file')}."
        lost = _lost_uploads()
        if lost:
            UploadFile.objects.filter(pk__in=[upload.pk for upload in lost]).delete()
            yield f"Removed from the list: {how_many(len(lost), 'upload')} without a file."

    def summary(self) -> str:
        """How many there are."""
        return f"{how_many(len(stored_keys()), 'file')} stored"


def _lost_uploads() -> list[UploadFile]:
    return [upload for upload in UploadFile.objects.all() if not is_stored(upload.key)]


def _space() -> Iterator[Problem]:
    folder = Path(settings.FILE_UPLOAD_TEMP_DIR or gettempdir())
    free, needed = shutil.disk_usage(folder).free, 2 * settings.SEGMILL_MAX_FILE_BYTES
    if free < needed:
        yield Problem(
            f"The disk of {folder} has {free:,} bytes left, too few for an upload of the largest "
            f"size and its copy ({needed:,}).",
            "Make room, or lower SEGMILL_MAX_FILE_BYTES.",
            can_wait=True,
        )


class SearchedDocumentsCheck(Check):
    """Search leaves no document out that has segments and that nobody has switched off."""

    name = "searched documents"

    def look(self) -> Iterator[Problem]:
        """Documents that search leaves out, and why."""
        left_out = _left_out()
        for document in left_out[:LISTED]:
            yield Problem(
                f"Search leaves out document “{document}” of dataset “{document.dataset}” with its "
                f"{how_many(document.segment_count, 'segment')}: {_why_left_out(document)}.",
                "Switch it on, or take it out of the archive, on its page if search shall find it."
                if document.indexing_status == IndexingStatus.COMPLETED
                else "Wait until its indexing has ended, or import its text again.",
                can_wait=True,
            )
        if (more := left_out.count() - LISTED) > 0:
            yield Problem(
                f"Search leaves out {more:,} more.", "See Documents in the admin.", can_wait=True
            )

    def summary(self) -> str:
        """How many are searched."""
        return f"search looks into {how_many(Document.objects.searchable().count(), 'document')}"


def _left_out() -> QuerySet[Document]:
    documents = Document.objects.filter(segment_count__gt=0).select_related("dataset")
    return documents.exclude(pk__in=Document.objects.searchable()).order_by("name", "pk")


def _why_left_out(document: Document) -> str:
    if document.archived:
        return "it is archived"
    if not document.enabled:
        return "it is switched off"
    return f"its indexing status is “{document.get_indexing_status_display()}”"


class LanguagesCheck(Check):
    """Models know the languages of their datasets, and full text is of one language."""

    name = "languages"

    def look(self) -> Iterator[Problem]:
        """Rebuilds that ended before their time, and models of other languages."""
        under_way = FullTextRebuild.objects.open().values("dataset")
        half = Dataset.objects.exclude(previous_text_search_config="").exclude(pk__in=under_way)
        for dataset in half:
            yield Problem(
                f"Full text of dataset “{dataset}” is in two languages: its rebuild ended early.",
                f"Run: manage.py dataset_language “{dataset}” --text-search-config "
                f"{dataset.text_search_config}",
                can_wait=True,
            )
        for dataset in Dataset.objects.exclude(language="").order_by("name"):
            if advice := language_advice(dataset):
                yield Problem(
                    f"Dataset “{dataset}”: {advice.removesuffix(REMEDY).strip()}",
                    REMEDY,
                    can_wait=True,
                )

    def summary(self) -> str:
        """How many datasets have one."""
        known = Dataset.objects.exclude(language="").count()
        return f"{how_many(known, 'dataset')} with a known language"
