"""StagedRow and StagedVector: an import's rows before they are published.

Both are filled by binary COPY and emptied when their import has reached a final state. They
carry no foreign key: a check a row would cost more than the copy, and nobody reads them but
their own import.
"""

import uuid
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import F, Func
from pgvector.django import VectorField

from segments.models.segment import HASH_CHARS


class FullTextEntry(Func):
    """`segments_full_text(configuration, content, answer)`, made in the first migration."""

    function = "segments_full_text"
    output_field = SearchVectorField()


class StagedRow(models.Model):
    """A checked row with everything a segment needs except its vector and its position.

    `row` counts the good rows of the file from 1 without a gap; `line` is the file's own.
    The full-text entry is made here, by the server, while Python reads on; publishing copies it.
    """

    pk = models.CompositePrimaryKey("job_id", "row")
    job_id = models.UUIDField()
    row = models.PositiveIntegerField()
    line = models.PositiveIntegerField()
    segment_id = models.UUIDField(default=uuid.uuid4)
    content = models.TextField()
    answer = models.TextField(null=True)  # noqa: DJ001
    word_count = models.PositiveIntegerField()
    tokens = models.PositiveIntegerField()
    keywords = ArrayField(models.TextField(), null=True)
    external_id = models.CharField(max_length=255, null=True)  # noqa: DJ001
    metadata = models.JSONField(default=dict)
    enabled = models.BooleanField(default=True)
    content_hash = models.CharField(max_length=HASH_CHARS)
    text_search_config = models.CharField(max_length=63)
    search_vector = models.GeneratedField(
        expression=FullTextEntry(F("text_search_config"), F("content"), F("answer")),
        output_field=SearchVectorField(),
        db_persist=True,
    )

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(row__gte=1), name="staged_row_from_1")
        ]

    def __str__(self) -> str:
        return f"row {self.row} of {self.job_id}"


class StagedVector(models.Model):
    """The vector of a staged row; there once its chunk is done."""

    pk = models.CompositePrimaryKey("job_id", "row")
    job_id = models.UUIDField()
    row = models.PositiveIntegerField()
    embedding = VectorField()

    def __str__(self) -> str:
        return f"vector of row {self.row} of {self.job_id}"
