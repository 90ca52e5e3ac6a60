"""StagedRow, StagedMatch and StagedVector: an import's rows before they are published.

They are filled by binary COPY and emptied when their import has reached a final state. They
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

    `row` counts the good rows of the file from 1; `line` is the file's own. `segment_id` is the id
    a new segment will have, `known_id` the id the file says the segment has.
    The full-text entry is made here, by the server, while Python reads on; publishing copies it.
    """

    pk = models.CompositePrimaryKey("job_id", "row")
    job_id = models.UUIDField()
    row = models.PositiveIntegerField()
    line = models.PositiveIntegerField()
    segment_id = models.UUIDField(default=uuid.uuid4)
    known_id = models.UUIDField(null=True)
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


class StagedMatch(models.Model):
    """The segment of the document that a staged row is about; none for a new one.

    `needs_vector`: the row's text is another than the segment's, so it has to be embedded.
    """

    pk = models.CompositePrimaryKey("job_id", "row")
    job_id = models.UUIDField()
    row = models.PositiveIntegerField()
    segment_id = models.UUIDField()
    needs_vector = models.BooleanField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["job_id", "segment_id"], name="staged_match_once_per_segment"
            )
        ]

    def __str__(self) -> str:
        return f"row {self.row} of {self.job_id} is about {self.segment_id}"


class StagedVector(models.Model):
    """The vector of a staged row; there once its chunk is done."""

    pk = models.CompositePrimaryKey("job_id", "row")
    job_id = models.UUIDField()
    row = models.PositiveIntegerField()
    embedding = VectorField()

    def __str__(self) -> str:
        return f"vector of row {self.row} of {self.job_id}"
