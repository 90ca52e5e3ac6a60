"""ParentSegment: what a search answers with where it finds by parts (`hierarchical_model`)."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models

from datasets.models import Dataset, Document, Tenant
from segments.models.segment import HASH_CHARS, SegmentStatus


class ParentSegment(models.Model):
    """A passage of a hierarchical document, whose parts are the document's segments.

    It is neither embedded nor in full text: its parts (`children`) are, each with the passage as
    its `parent`. So imports, vectors and indexes of hierarchical documents are those of all
    others. The fields have the names of `DocumentSegment`'s, and mean the same. A passage and its
    parts are enabled together.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, db_index=False, related_name="+")
    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="+")
    document = models.ForeignKey(
        Document, on_delete=models.CASCADE, db_index=False, related_name="parent_segments"
    )
    position = models.PositiveIntegerField()
    content = models.TextField()
    word_count = models.PositiveIntegerField()
    tokens = models.PositiveIntegerField()
    keywords = ArrayField(models.TextField(), null=True, blank=True)
    external_id = models.CharField(max_length=255, null=True, blank=True)  # noqa: DJ001
    metadata = models.JSONField(default=dict, blank=True)
    index_node_hash = models.CharField(max_length=HASH_CHARS, editable=False)
    hit_count = models.PositiveIntegerField(default=0, editable=False)
    enabled = models.BooleanField(default=True)
    disabled_at = models.DateTimeField(null=True, blank=True, editable=False)
    disabled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        editable=False,
        related_name="+",
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        editable=False,
        related_name="+",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        editable=False,
        related_name="+",
    )
    updated_at = models.DateTimeField(auto_now=True)
    import_job = models.ForeignKey(
        "segments.ImportJob",
        on_delete=models.SET_NULL,
        null=True,
        editable=False,
        related_name="+",
    )

    # A passage is there once its parts are, so it never has another state.
    answer = None
    error = None
    stopped_at = None
    status = SegmentStatus.COMPLETED

    class Meta:
        verbose_name = "passage of parts"
        verbose_name_plural = "passages of parts"
        ordering: ClassVar = ["document", "position"]
        indexes: ClassVar = [
            models.Index(fields=["document", "position"], name="parent_segment_in_order")
        ]

    def __str__(self) -> str:
        return f"{self.position}. {self.content[:60]}"

    @property
    def index_node_id(self) -> uuid.UUID:
        """Dify's name for what is in the index; here it is the passage itself."""
        return self.id

    @property
    def indexing_at(self) -> object:
        """When it was indexed: with its parts, when it was made."""
        return self.created_at

    @property
    def completed_at(self) -> object:
        """As `indexing_at`."""
        return self.created_at
