"""The third step: staged rows ─publish─► DocumentSegment, in one transaction of set-based SQL."""

from dataclasses import asdict, dataclass
from typing import Any

from django.db import IntegrityError, OperationalError, connection, transaction
from django.db.models import F
from django.db.models.functions import Now

from datasets.models import Dataset, DocForm, Document
from segments.exceptions import EmbeddingFailed, RowsGone, TargetGone
from segments.files.types import Listener, Progress, RowProblem, SegmentRow, shown
from segments.imports import language, merge, parents
from segments.imports.merge import MergeSpec, Written
from segments.imports.staging import FullText
from segments.imports.state import IMPORT_JOBS
from segments.jobs.state_machine import JobClaim
from segments.languages.analysis import index_text, text_of
from segments.models import ImportJob, StagedRow
from segments.models.import_job import ImportStatus
from segments.models.segment import EXTERNAL_ID_ONCE
from segments.reembedding.state import ensure_filling

# Waits for a change of model that is being committed, and sees it.
LOCK = "SELECT FROM datasets_dataset WHERE id = %s FOR SHARE"


def adopt_model(claim: JobClaim) -> None:
    """Give the import its dataset's current model, in the caller's transaction.

    A change of model waits for imports that have begun, so the model stays the same from here on.

    Raises:
        ImportCancelled, ClaimLost: the claim was lost.
    """
    job = ImportJob.objects.get(pk=claim.job_id)
    with connection.cursor() as cursor:
        cursor.execute(LOCK, [job.dataset_id])
    dataset = Dataset.objects.filter(pk=job.dataset_id).first()
    if dataset is None:  # it was deleted, and the import with it
        return
    provider, model = dataset.model
    if (provider, model) != (job.embedding_model_provider, job.embedding_model):
        IMPORT_JOBS.renew(
            claim,
            embedding_model_provider=provider,
            embedding_model=model,
            embedding_dimensions=None,
        )


# A tsvector holds 1 MiB (PostgreSQL, "Limitations of text search"). A word takes its own bytes
# and up to seven more. A character of a script without spaces begins up to two words of at most
# nine bytes; what other texts come to is less. Below this many characters nothing is asked.
SAFE_CHARS = 25_000
# PostgreSQL's program_limit_exceeded, "string is too long for tsvector".
LIMIT_EXCEEDED = "54000"


def full_text_problem(row: SegmentRow, full_text: FullText) -> RowProblem | None:
    """Why the full-text index cannot take `row`, or None; only long texts are tested."""
    chars = len(row.content) + len(row.answer or "")
    if chars <= SAFE_CHARS or _fits(row, full_text):
        return None
    return RowProblem(
        row.line,
        "content",
        shown(row.content),
        "full_text_too_large",
        f"The row has more different words in its {chars:,} characters than a full-text entry "
        "can hold (1 MiB). Split it into several rows.",
    )


def _fits(row: SegmentRow, full_text: FullText) -> bool:
    search_text = index_text(text_of(row.content, row.answer), full_text.language)
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT length(segments_full_text(%s, %s, %s, %s))",
                [full_text.config, row.content, row.answer, search_text],
            )
    except OperationalError as error:
        if getattr(error.__cause__, "pgcode", None) == LIMIT_EXCEEDED:
            return False
        raise
    return True


@dataclass(frozen=True, slots=True)
class Published:
    """How many rows were added, changed or left alone, and how many segments were removed."""

    created: int
    updated: int
    skipped: int
    deleted: int


@transaction.atomic
def publish_staged(claim: JobClaim, **changes: Any) -> Published:
    """Apply the import to its document and complete the job; returns the counts.

    Locks the job, then its document, and holds both until the transaction ends. Rows are matched
    to segments again, because the document may have changed since.

    Raises:
        ImportCancelled, ClaimLost: the claim was lost.
        TargetGone: the document or its dataset has changed.
        EmbeddingFailed: a row of a high_quality dataset has no vector.
        RowsGone: fewer rows are staged than were checked.
    """
    job = IMPORT_JOBS.lock(claim)
    _refuse_if_rows_are_gone(job)
    document = _locked_document(job)
    published = _write(MergeSpec.of(job), job, document)
    counts = {f"rows_{name}": count for name, count in asdict(published).items()}
    IMPORT_JOBS.complete(claim, **counts, **changes)
    return published


def _refuse_if_rows_are_gone(job: ImportJob) -> None:
    """Rows that are no longer staged would be published as if the file had not had them."""
    found = StagedRow.objects.filter(job_id=job.pk).count()
    if found != job.rows_staged:
        raise RowsGone(job.rows_staged, found)


def _write(spec: MergeSpec, job: ImportJob, document: Document) -> Published:
    """Remove, change and add, in this order, to free ids and positions for the next step."""
    merge.match(spec)
    removed = merge.remove(spec) if spec.removes else Written()
    updated = merge.update(spec, job) if spec.updates else Written()
    if spec.has_parents:
        parents.publish_parents(job, replaces=spec.replaces)
    created = merge.insert(spec, job)
    if spec.has_parents and spec.updates:
        parents.move_parts(job.pk)
    without_vector = updated.without_vector + created.without_vector
    if job.embeds_later:
        _have_embedded(job, without_vector)
    else:
        _refuse_without_vectors(spec, without_vector)
    each = (removed, updated, created)
    Document.objects.filter(pk=document.pk).update(
        segment_count=F("segment_count") + created.rows - removed.rows,
        word_count=F("word_count") + sum(written.word_count for written in each),
        tokens=F("tokens") + sum(written.tokens for written in each),
        updated_at=Now(),
    )
    skipped = job.rows_staged - created.rows - updated.rows
    return Published(created.rows, updated.rows, skipped, removed.rows)


def _have_embedded(job: ImportJob, rows: int) -> None:
    """Start embedding the rows that are published without a vector."""
    dataset = Dataset.objects.get(pk=job.dataset_id)
    if rows and dataset.has_vectors:
        ensure_filling(dataset, job.created_by_id)


def _refuse_without_vectors(spec: MergeSpec, rows: int) -> None:
    if not rows or not spec.has_vectors:
        return
    if spec.looks_at_segments:
        raise TargetGone(
            "Segments that the import relied on were changed or removed while it ran. "
            "Import the file again."
        )
    raise EmbeddingFailed(f"{rows} rows have no vector. Import again.")


def _locked_document(job: ImportJob) -> Document:
    """The document, locked; its dataset is locked against a change of model or language.

    Raises:
        TargetGone: it cannot take the segments that were prepared.
    """
    # Shared: other documents publish at the same time. Only a first import changes the dataset.
    lock = "FOR NO KEY UPDATE" if job.found_language else "FOR SHARE"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT FROM datasets_dataset WHERE id = %s {lock}", [job.dataset_id])
    dataset = Dataset.objects.filter(pk=job.dataset_id).first()
    # Without its key: uploads that reference the document need not wait for us.
    documents = Document.objects.select_for_update(no_key=True)
    document = documents.filter(pk=job.document_id).first()
    if document is None or dataset is None:
        raise TargetGone("The document was deleted while the import ran. Choose another one.")
    if not document.is_available:
        raise TargetGone(
            f"Document “{document}” was disabled, archived or taken for indexing while the "
            "import ran. Make it available and import the file again."
        )
    _adopt_language(job, dataset)
    _refuse_changed(job, document, dataset)
    return document


def _refuse_changed(job: ImportJob, document: Document, dataset: Dataset) -> None:
    """Refuse rows that were prepared for another model, language or form of the target.

    Raises:
        TargetGone: it names what was changed.
    """
    embedded_by = (job.embedding_model_provider, job.embedding_model)
    is_embedded = not job.embeds_later
    if is_embedded and embedded_by != dataset.model:
        raise _changed(f"Dataset “{dataset}” changed its embedding model")
    if (first := _first_row(job)) is None:
        return
    text_search_config, answer = first
    if text_search_config != dataset.text_search_config:
        raise _changed(f"Dataset “{dataset}” changed its text search configuration")
    if (answer is not None) != (document.doc_form == DocForm.QA):
        raise _changed(f"Document “{document}” was made {document.doc_form}")


def _adopt_language(job: ImportJob, dataset: Dataset) -> None:
    """Give a dataset without a language the one that was found in the rows."""
    if first := _first_row(job):
        language.adopt(job, dataset, first[0])


def _first_row(job: ImportJob) -> tuple[str, str | None] | None:
    """The text search configuration and answer of a staged row: all were prepared alike."""
    rows = StagedRow.objects.filter(job_id=job.pk).order_by("row")
    return rows.values_list("text_search_config", "answer").first()


def _changed(what: str) -> TargetGone:
    return TargetGone(f"{what} while the import ran. Import the file again.")


def publish(claim: JobClaim, listener: Listener) -> None:
    """Turn the staged rows into segments, all at once."""
    job = IMPORT_JOBS.load(claim.job_id)
    listener(Progress(ImportStatus.PUBLISHING, 0))
    try:
        published = publish_staged(claim)
    except IntegrityError as error:
        if EXTERNAL_ID_ONCE not in str(error):
            raise
        raise TargetGone(
            "Another import has since added segments with the same external ids. "
            "Import the file again to see which."
        ) from error
    listener(
        Progress(
            ImportStatus.COMPLETED,
            published.created + published.updated,
            1.0,
            reused=job.rows_reused,
        )
    )
