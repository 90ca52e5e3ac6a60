"""New vectors: stored, counted, and moved into their segments."""

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

import numpy as np
from django.db import connection, transaction
from django.db.models import F

from datasets.models import Dataset, IndexingTechnique
from segments.db.binary_copy import NULL, copy_binary, pack_text, pack_tuple, pack_uuid
from segments.embedding import Vectors
from segments.exceptions import TargetGone
from segments.indexing.state import withdraw_index
from segments.jobs.state_machine import JobClaim
from segments.models import ImportJob, ReembeddedVector, Reembedding
from segments.models.embedding import ReembeddingPurpose
from segments.models.import_job import WORKING_STATUSES, ImportStatus
from segments.reembedding.state import REEMBEDDINGS

WANTED = {
    ReembeddingPurpose.CHANGE: "true",
    ReembeddingPurpose.FILL: "d.embedding IS NULL",
}
# By hash: equal texts are embedded once, whatever documents they are in.
MISSING = """
    FROM segments_documentsegment d
    WHERE d.dataset_id = %(dataset)s AND {wanted} AND NOT EXISTS (
        SELECT FROM segments_reembeddedvector v
        WHERE v.reembedding_id = %(id)s AND v.content_hash = d.index_node_hash)
"""
NEXT_TEXTS = f"""
    SELECT DISTINCT ON (d.index_node_hash) d.index_node_hash, d.content {MISSING}
        AND d.index_node_hash > %(after)s
    ORDER BY d.index_node_hash LIMIT %(most)s
"""
COUNT = f"SELECT count(DISTINCT d.index_node_hash) {MISSING}"
# A vector of a text is valid for all segments of the dataset with that text.
FILL_FROM_EQUAL_TEXTS = """
    UPDATE segments_documentsegment d SET embedding = known.embedding
    FROM (
        SELECT DISTINCT ON (e.index_node_hash) e.index_node_hash, e.embedding
        FROM segments_documentsegment e
        WHERE e.dataset_id = %(dataset)s AND e.embedding IS NOT NULL AND e.index_node_hash IN (
            SELECT n.index_node_hash FROM segments_documentsegment n
            WHERE n.dataset_id = %(dataset)s AND n.embedding IS NULL)
    ) known
    WHERE d.dataset_id = %(dataset)s AND d.embedding IS NULL
        AND d.index_node_hash = known.index_node_hash
"""
PUT_IN_PLACE = """
    UPDATE segments_documentsegment d
    SET embedding = v.embedding, error = nullif(v.refusal, '')
    FROM segments_reembeddedvector v
    WHERE v.reembedding_id = %(id)s AND d.dataset_id = %(dataset)s
        AND d.index_node_hash = v.content_hash AND {wanted}
        AND (v.embedding IS NOT NULL OR d.embedding IS NOT NULL
             OR d.error IS DISTINCT FROM v.refusal)
"""
# Each id takes one step through the index, however many vectors are stored.
OWNERLESS = """
    WITH RECURSIVE owner (id) AS (
        (SELECT reembedding_id FROM segments_reembeddedvector ORDER BY reembedding_id LIMIT 1)
        UNION ALL
        SELECT (SELECT reembedding_id FROM segments_reembeddedvector
                WHERE reembedding_id > owner.id ORDER BY reembedding_id LIMIT 1)
        FROM owner WHERE owner.id IS NOT NULL
    )
    SELECT owner.id FROM owner LEFT JOIN segments_reembedding r USING (id)
    WHERE owner.id IS NOT NULL AND (r.id IS NULL OR r.finished_at IS NOT NULL)
"""


class Text(NamedTuple):
    """A text of a dataset, and its hash."""

    content_hash: str
    content: str


def next_texts(work: Reembedding, most: int, after: str = "") -> list[Text]:
    """Texts without a new vector or a refusal, at most `most`, in the order of their hashes.

    Texts up to the hash `after` are skipped: scanning them again would make each portion
    slower than the last.
    """
    return [Text(*found) for found in _fetch(NEXT_TEXTS, work, most=most, after=after)]


def count_missing(work: Reembedding) -> int:
    """How many texts have neither a new vector nor a refusal."""
    return int(_fetch(COUNT, work)[0][0])


def store(work_id: UUID, texts: Sequence[Text], vectors: Vectors) -> None:
    """Store the new vectors of `texts`."""
    if not texts:
        return
    owner, size = pack_uuid(work_id), vectors.shape[1]
    head = np.array([4 + 4 * size], ">i4").tobytes() + np.array([size, 0], ">i2").tobytes()
    packed = b"".join(
        pack_tuple(owner, pack_text(text.content_hash), head + row.tobytes(), pack_text(""))
        for text, row in zip(texts, vectors.astype(">f4"), strict=True)
    )
    _copy(packed)


def store_refusals(work_id: UUID, refused: Sequence[tuple[Text, str]]) -> None:
    """Store why the model refuses texts."""
    owner = pack_uuid(work_id)
    packed = b"".join(
        pack_tuple(owner, pack_text(text.content_hash), NULL, pack_text(reason))
        for text, reason in refused
    )
    if packed:
        _copy(packed)


def fill_from_equal_texts(work: Reembedding) -> int:
    """Give segments without a vector that of an equal text; returns how many got one."""
    return _run(FILL_FROM_EQUAL_TEXTS, work)


def put_in_place(work: Reembedding) -> int:
    """Give the segments their new vectors; returns how many were changed."""
    return _run(PUT_IN_PLACE, work)


def forget_placed(work: Reembedding) -> None:
    """Remove the vectors that are in their segments; refusals are kept."""
    stored = ReembeddedVector.objects.filter(reembedding_id=work.pk)
    stored.filter(embedding__isnull=False)._raw_delete("default")


def clear(work_id: UUID) -> None:
    """Remove everything stored for a re-embedding."""
    ReembeddedVector.objects.filter(reembedding_id=work_id)._raw_delete("default")


def ownerless() -> list[UUID]:
    """The re-embeddings that have ended or were deleted, but still have vectors stored."""
    with connection.cursor() as cursor:
        cursor.execute(OWNERLESS)
        return [owner for (owner,) in cursor.fetchall()]


def clear_ownerless() -> int:
    """Remove what is stored for re-embeddings that have ended or were deleted; returns how many."""
    owners = ownerless()
    for owner in owners:
        clear(owner)
    return len(owners)


def _copy(packed: bytes) -> None:
    columns = ("reembedding_id", "content_hash", "embedding", "refusal")
    with connection.cursor() as cursor:
        copy_binary(cursor, ReembeddedVector._meta.db_table, columns, packed)


def _run(statement: str, work: Reembedding) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_of(statement, work), _parameters(work))
        return int(cursor.rowcount)


def _fetch(statement: str, work: Reembedding, **more: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(_of(statement, work), _parameters(work) | more)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def _of(statement: str, work: Reembedding) -> str:
    return statement.format(wanted=WANTED[ReembeddingPurpose(work.purpose)])


def _parameters(work: Reembedding) -> dict[str, Any]:
    return {"id": work.pk, "dataset": work.dataset_id}


UNDER_WAY = (*WORKING_STATUSES, ImportStatus.INTERRUPTED)


class ImportsUnderWay(Exception):
    """Imports that were prepared for the old model have to end first."""

    def __init__(self, imports: int) -> None:
        some = "an import" if imports == 1 else f"{imports} imports"
        super().__init__(f"Waiting for {some} of the dataset to end.")


@transaction.atomic
def switch(held: JobClaim, work: Reembedding, dimensions: int) -> bool:
    """Change the dataset to its new model; False if texts were added that have no new vector.

    The dataset is locked against publishing, so that no text is added between the last check
    and the switch. Imports that have not begun continue with the new model.

    Raises:
        ClaimLost: the claim was lost.
        ImportsUnderWay: imports prepared for the old model have not ended.
        TargetGone: the dataset now has another model.
    """
    REEMBEDDINGS.renew(held)
    dataset = Dataset.objects.select_for_update(no_key=True).get(pk=work.dataset_id)
    if dataset.model != (work.old_provider, work.old_model):
        raise TargetGone(f"Dataset “{dataset}” now has another model. Start again.")
    imports = ImportJob.objects.filter(dataset=dataset)
    # Before counting the imports that have begun: one that begins right now is seen by one of the
    # two statements.
    imports.filter(status=ImportStatus.WAITING).update(
        embedding_model_provider=work.embedding_model_provider,
        embedding_model=work.embedding_model,
        embedding_dimensions=dimensions,
    )
    if under_way := imports.filter(status__in=UNDER_WAY).count():
        raise ImportsUnderWay(under_way)
    if count_missing(work):
        return False
    changed = put_in_place(work)
    Dataset.objects.filter(pk=dataset.pk).update(
        indexing_technique=IndexingTechnique.HIGH_QUALITY,
        embedding_model_provider=work.embedding_model_provider,
        embedding_model=work.embedding_model,
    )
    withdraw_index(dataset.pk)
    REEMBEDDINGS.complete(held, segments_changed=changed)
    return True


@transaction.atomic
def end_filling(held: JobClaim, work: Reembedding) -> bool:
    """End the filling; False if segments without a vector were published during it.

    The dataset is locked against publishing: a publish sees either that this is still running
    and checks again, or that it has ended and another one has to start.

    Raises:
        ClaimLost: the claim was lost.
    """
    REEMBEDDINGS.renew(held)
    Dataset.objects.select_for_update(no_key=True).get(pk=work.dataset_id)
    if count_missing(work):
        return False
    REEMBEDDINGS.complete(held)
    return True


def fill(held: JobClaim, work: Reembedding) -> None:
    """Give segments the vectors that have just been stored for them, and remove those.

    In the caller's transaction, which has renewed the claim.

    Raises:
        ClaimLost: the claim was lost.
        TargetGone: the dataset now has another model.
    """
    lock_shared(work)
    changed = put_in_place(work)
    forget_placed(work)
    REEMBEDDINGS.move(held, segments_changed=F("segments_changed") + changed)


def lock_shared(work: Reembedding) -> None:
    """Keep the dataset's model unchanged until the transaction ends.

    Raises:
        TargetGone: it is not the model of the vectors.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM datasets_dataset WHERE id = %s FOR SHARE", [work.dataset_id])
    dataset = Dataset.objects.get(pk=work.dataset_id)
    if dataset.model != (work.embedding_model_provider, work.embedding_model):
        raise TargetGone(f"Dataset “{dataset}” now has another model.")
