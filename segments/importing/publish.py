"""Staged rows ─publish─► DocumentSegment, in ONE transaction of set-based SQL.

Before it commits, nobody sees anything; after it, rows, vectors, full-text index, totals and
job state agree. A second run finds the job completed and changes nothing.
"""

from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.db.models import F, Max
from django.db.models.functions import Now

from datasets.models import Dataset, Document
from segments.exceptions import EmbeddingFailed, TargetGone
from segments.importing import state
from segments.importing.state import JobClaim
from segments.models import DocumentSegment, ImportJob

# New full-text entries wait in the index's pending list and are merged in one sweep after the
# commit, 1.4 times faster than merging them every 4 MB (the default) inside the transaction.
PENDING_LIST = "256MB"
FULL_TEXT_INDEX = "segment_full_text"

# The planner's statistics know nothing of rows staged a moment ago. It would expect one and join
# by nested loops, each row with each vector, or sort all vectors on disk. Read along their
# primary keys instead, staged rows and vectors meet in the order they are inserted in.
READ_BY_KEY = {
    "enable_nestloop": "off",
    "enable_hashjoin": "off",
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
}
LOCAL_SETTINGS = {"gin_pending_list_limit": PENDING_LIST} | READ_BY_KEY

INSERT = """
    WITH published AS (
        INSERT INTO segments_documentsegment (
            id, tenant_id, dataset_id, document_id, position, content, answer, word_count,
            tokens, keywords, external_id, metadata, index_node_id, index_node_hash, hit_count,
            enabled, status, created_by_id, created_at, updated_at, indexing_at, completed_at,
            import_job_id, embedding, search_vector)
        SELECT
            s.segment_id, %(tenant)s, %(dataset)s, %(document)s,
            %(last)s + row_number() OVER (ORDER BY s."row"), s.content, s.answer, s.word_count,
            s.tokens, s.keywords, s.external_id, s.metadata, s.segment_id, s.content_hash, 0,
            s.enabled, 'completed', %(user)s, now(), now(), %(indexing_at)s, now(),
            %(job)s, v.embedding, s.search_vector
        FROM segments_stagedrow s
        LEFT JOIN segments_stagedvector v USING (job_id, "row")
        WHERE s.job_id = %(job)s
        ORDER BY s."row"
        RETURNING word_count, tokens, embedding IS NULL AS lacks_vector
    )
    SELECT count(*), coalesce(sum(word_count), 0), coalesce(sum(tokens), 0),
           count(*) FILTER (WHERE lacks_vector)
    FROM published
"""


@dataclass(frozen=True, slots=True)
class Published:
    """Sums over the rows that one publish has inserted."""

    rows: int
    word_count: int
    tokens: int
    without_vector: int


@transaction.atomic
def publish(claim: JobClaim, **changes: Any) -> int:
    """Make the staged rows segments of the document and complete the job; how many they are.

    Locks the job, then its document, and holds both for the length of the insert.

    Raises:
        ImportCancelled, ClaimLost: the claim does not hold any more.
        TargetGone: the document or the dataset's model changed meanwhile.
        EmbeddingFailed: a row of a high_quality dataset has no vector.
    """
    job = state.lock_for_publishing(claim)
    document = _locked_document(job)
    published = _insert(job)
    if published.without_vector and document.dataset.has_vectors:
        raise EmbeddingFailed(f"{published.without_vector} rows have no vector. Import again.")
    Document.objects.filter(pk=document.pk).update(
        segment_count=F("segment_count") + published.rows,
        word_count=F("word_count") + published.word_count,
        tokens=F("tokens") + published.tokens,
        updated_at=Now(),
    )
    state.complete(claim, rows_created=published.rows, **changes)
    return published.rows


def merge_full_text() -> None:
    """Move pending full-text entries into the index; searches read the list until then."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT gin_clean_pending_list(%s)", [FULL_TEXT_INDEX])


def _locked_document(job: ImportJob) -> Document:
    """The document, locked; its dataset is locked against a change of model.

    Raises:
        TargetGone: it cannot take the segments as they were prepared.
    """
    with connection.cursor() as cursor:  # shared: other documents publish at the same time
        cursor.execute("SELECT FROM datasets_dataset WHERE id = %s FOR SHARE", [job.dataset_id])
    dataset = Dataset.objects.filter(pk=job.dataset_id).first()
    # Not its key: an upload that names the document need not wait for us.
    documents = Document.objects.select_for_update(no_key=True)
    document = documents.filter(pk=job.document_id).first()
    if document is None or dataset is None:
        raise TargetGone("The document was deleted while the import ran. Choose another one.")
    if not document.is_available:
        raise TargetGone(
            f"Document “{document}” was disabled, archived or taken for indexing while the "
            "import ran. Make it available and import the file again."
        )
    if dataset.has_vectors and (
        (dataset.embedding_model_provider, dataset.embedding_model)
        != (job.embedding_model_provider, job.embedding_model)
    ):
        raise TargetGone(
            f"Dataset “{dataset}” changed its embedding model while the import ran. "
            "Import the file again."
        )
    return document


def _insert(job: ImportJob) -> Published:
    """Insert the staged rows after the document's last position, which is asked for once."""
    segments = DocumentSegment.objects.filter(document=job.document_id)
    last = segments.aggregate(last=Max("position"))["last"]
    with connection.cursor() as cursor:
        for name, value in LOCAL_SETTINGS.items():
            cursor.execute("SELECT set_config(%s, %s, true)", [name, value])
        cursor.execute(
            INSERT,
            {
                "job": job.pk,
                "tenant": job.tenant_id,
                "dataset": job.dataset_id,
                "document": job.document_id,
                "user": job.created_by_id,
                "indexing_at": job.started_at,
                "last": last or 0,
            },
        )
        return Published(*cursor.fetchone())
