"""DocumentSegment: one passage, or one question with its answer, and what search needs of it."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import F, Q
from pgvector.django import VectorField

from datasets.models import Dataset, Document, Tenant, not_blank

HASH_CHARS = 64
EXTERNAL_ID_ONCE = "segment_external_id_once_per_document"


class SegmentStatus(models.TextChoices):
    """A segment's state; imports publish completed ones only."""

    WAITING = "waiting"
    INDEXING = "indexing"
    COMPLETED = "completed"
    ERROR = "error"


class FullTextOfDataset(models.Func):
    """`segments_full_text_of_dataset(entry, dataset)`: the entry, with the dataset as a word.

    A full-text index knows nothing of datasets. With this word in every entry, it finds the
    segments of one dataset without reading those of all others.
    """

    function = "segments_full_text_of_dataset"
    output_field = SearchVectorField()


class TextKey(models.Func):
    """`hashtextextended(hash, 0)`: eight bytes for the 64 characters of a text's hash.

    It cuts the index of all texts to a third. Equal texts have equal keys; equal keys do not
    prove equal texts, so compare the hashes too.
    """

    function = "hashtextextended"
    template = "%(function)s(%(expressions)s, 0)"
    output_field = models.BigIntegerField()


class NextVersion(models.Func):
    """`nextval('segments_segment_version')`: a number above all that were drawn before."""

    function = "nextval"
    template = "%(function)s('segments_segment_version')"
    output_field = models.BigIntegerField()


class SegmentQuerySet(models.QuerySet["DocumentSegment"]):
    """Filters on segments."""

    def without_vectors(self) -> "SegmentQuerySet":
        """Do not load the heavy columns: lists never need them."""
        return self.defer("embedding", "search_vector", "search_text")

    def searchable(self) -> "SegmentQuerySet":
        """Segments a search may return: completed, enabled, in searchable documents."""
        return self.filter(
            enabled=True,
            status=SegmentStatus.COMPLETED,
            document__in=Document.objects.searchable(),
        )


class DocumentSegment(models.Model):
    """Text, vector and full-text entry of one segment, in one row.

    * `word_count` is the number of characters of content and answer together.
    * `tokens` counts the content, the part that is embedded.
    * `index_node_hash` is the SHA-256 of the content: equal text, equal vector.
    * `embedding` comes from the dataset's model; the column has no fixed dimension, so that
      datasets with different models can share the table.
    * `version` grows with every change of text, vector, full-text entry, keywords or metadata, by a
      trigger: an index that has another version of the segment has something outdated.
    * `search_text` is what full text is made of besides the text, or instead of it, where the
      text alone would not do (`segments.languages.analysis`).
    * `search_vector` is maintained by a trigger, in the dataset's text search configuration.

    Tenant, dataset and document are tied together by one composite foreign key
    (`segment_of_document_of_tenant`), so the single ones have no constraint of their own: a
    bulk insert pays for one check per row, not three.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(
        Tenant, on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="+"
    )
    dataset = models.ForeignKey(
        Dataset,
        on_delete=models.CASCADE,
        db_constraint=False,
        db_index=False,
        related_name="segments",
    )
    document = models.ForeignKey(
        Document,
        on_delete=models.CASCADE,
        db_constraint=False,
        db_index=False,
        related_name="segments",
    )
    position = models.PositiveIntegerField()
    content = models.TextField()
    answer = models.TextField(null=True, blank=True)  # noqa: DJ001  (null: a passage has no answer)
    word_count = models.PositiveIntegerField()
    tokens = models.PositiveIntegerField()
    keywords = ArrayField(models.TextField(), null=True, blank=True)
    external_id = models.CharField(max_length=255, null=True, blank=True)  # noqa: DJ001
    metadata = models.JSONField(default=dict, blank=True)
    index_node_id = models.UUIDField(default=uuid.uuid4, editable=False)
    index_node_hash = models.CharField(max_length=HASH_CHARS, editable=False)
    hit_count = models.PositiveIntegerField(default=0, editable=False)
    enabled = models.BooleanField(default=True)
    disabled_at = models.DateTimeField(null=True, blank=True, editable=False)
    disabled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    status = models.CharField(
        max_length=16, choices=SegmentStatus.choices, default=SegmentStatus.WAITING, editable=False
    )
    error = models.TextField(null=True, blank=True, editable=False)  # noqa: DJ001
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    updated_at = models.DateTimeField(auto_now=True)
    indexing_at = models.DateTimeField(null=True, editable=False)
    completed_at = models.DateTimeField(null=True, editable=False)
    stopped_at = models.DateTimeField(null=True, editable=False)
    import_job = models.ForeignKey(
        "segments.ImportJob",
        on_delete=models.SET_NULL,
        null=True,
        editable=False,
        related_name="segments",
        db_constraint=False,
        db_index=False,
    )
    # Of a part in a hierarchical document; whoever deletes the passage deletes its parts first.
    parent = models.ForeignKey(
        "segments.ParentSegment",
        on_delete=models.DO_NOTHING,
        null=True,
        editable=False,
        related_name="children",
        db_constraint=False,
        db_index=False,
    )
    embedding = VectorField(null=True, editable=False)
    version = models.BigIntegerField(db_default=NextVersion(), editable=False)
    search_text = models.TextField(null=True, editable=False)  # noqa: DJ001
    search_vector = SearchVectorField(null=True, editable=False)

    objects = SegmentQuerySet.as_manager()

    class Meta:
        verbose_name = "segment"
        ordering: ClassVar = ["document", "position"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["document", "position"],
                name="segment_position_once_per_document",
                # Checked at the end of a statement, so that one update can shift all positions.
                deferrable=models.Deferrable.IMMEDIATE,
            ),
            models.UniqueConstraint(
                fields=["document", "external_id"],
                condition=Q(external_id__isnull=False),
                name=EXTERNAL_ID_ONCE,
            ),
            models.CheckConstraint(condition=Q(position__gte=1), name="segment_position_from_1"),
            not_blank("content", "segment_content_not_blank"),
            models.CheckConstraint(
                condition=Q(status__in=SegmentStatus.values), name="segment_status_known"
            ),
            models.CheckConstraint(
                condition=Q(external_id__isnull=True) | ~Q(external_id=""),
                name="segment_external_id_not_empty",
            ),
            models.CheckConstraint(
                condition=~Q(status=SegmentStatus.COMPLETED) | Q(completed_at__isnull=False),
                name="segment_completed_has_time",
            ),
        ]
        indexes: ClassVar = [
            # Finds the vectors that a dataset already has for a text.
            models.Index(F("dataset"), TextKey("index_node_hash"), name="segment_by_text"),
            models.Index(fields=["import_job"], name="segment_by_import"),
            # Finds what is newer than the dataset's index.
            models.Index(fields=["dataset", "version"], name="segment_by_version"),
            # Lists disabled segments; there are few, so imports hardly ever write to it.
            models.Index(
                fields=["document", "position"],
                condition=Q(enabled=False),
                name="segment_switched_off",
            ),
            # No other kind of document has entries in it.
            models.Index(
                fields=["parent", "position"],
                condition=Q(parent__isnull=False),
                name="segment_by_parent",
            ),
            GinIndex(
                FullTextOfDataset(F("search_vector"), F("dataset_id")), name="segment_full_text"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.position}. {self.content[:60]}"
