"""An import's rows before they are published, bad rows, and remembered columns."""

import uuid
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import F, Func
from pgvector.django import VectorField

from datasets.models import Document
from segments.models.import_job import ImportJob
from segments.models.segment import HASH_CHARS

REMEDIES = {
    "bad_json": "Write one JSON object, with texts in quotes.",
    "blank_cell": "Fill the cell or remove the row.",
    "broken_character": "Retype the character.",
    "cell_too_long": "Split the row into several.",
    "duplicate_external_id": "Give each row its own external id, or remove the row.",
    "error_value": "Fix the cell's formula or write its value.",
    "formula_without_value": "Open the file in a spreadsheet program and save it again.",
    "full_text_too_large": "Split the row into several.",
    "id_too_long": "Shorten the external id.",
    "merged_cell": "Unmerge the cells and fill each.",
    "not_text": "Put the text in quotes.",
    "nul_character": "Remove the character.",
    "over_token_limit": "Split the row into several.",
    "ragged_row": "Add the missing cells, or quote cells that contain a separator.",
    "row_too_wide": "Clear the cells beyond the last column.",
    "text_refused": "Change or remove the row.",
    "unclear_id": "Clear the cell for a new segment.",
    "unclear_keywords": "Write words separated by commas.",
    "unclear_metadata": "Write a JSON object.",
    "unclear_switch": "Write true or false, or leave the cell empty for true.",
}


def remedy_for(code: str) -> str:
    """What to do about a bad row with this `code`; empty for an unknown code."""
    return REMEDIES.get(code, "")


class RowError(models.Model):
    """A bad row as data: where it is, its value, what is wrong, what to do.

    `line` is the line a person sees in an editor or a spreadsheet (the header is line 1).
    `raw` holds the row's cells as they were read, for a report that can be fixed and imported.
    """

    id = models.BigAutoField(primary_key=True)
    job = models.ForeignKey(
        ImportJob, on_delete=models.CASCADE, related_name="row_errors", db_constraint=False
    )
    line = models.PositiveBigIntegerField()
    column = models.CharField(max_length=255, blank=True, default="")
    value = models.CharField(max_length=255, blank=True, default="")
    code = models.CharField(max_length=64)
    reason = models.TextField()
    raw = models.JSONField(null=True)

    class Meta:
        ordering: ClassVar = ["line", "id"]

    def __str__(self) -> str:
        return f"line {self.line}: {self.reason}"

    @property
    def remedy(self) -> str:
        """What to do about it, in a few words."""
        return remedy_for(self.code)


class RememberedColumns(models.Model):
    """How the columns of a document's last file were read, for the next one of the same header.

    `options` are those that say so: `map`, `template` and `unknown`.
    """

    document = models.OneToOneField(
        Document, on_delete=models.CASCADE, primary_key=True, related_name="remembered_columns"
    )
    header = models.JSONField()
    options = models.JSONField()
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural: ClassVar = "remembered columns"

    def __str__(self) -> str:
        return f"columns of {self.document_id}"


class FullTextEntry(Func):
    """`segments_full_text(configuration, content, answer, search_text)`, of `segments/sql`."""

    function = "segments_full_text"
    output_field = SearchVectorField()


class StagedRow(models.Model):
    """A checked row with everything a segment needs except its vector and its position.

    `row` counts the good rows of the file from 1; `line` is the line in the file. `segment_id`
    is the id that a new segment gets, `known_id` the segment id given in the file.
    The server builds the full-text entry here while Python keeps reading; publishing copies it.
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
    search_text = models.TextField(null=True)  # noqa: DJ001  (null: the text is enough)
    search_vector = models.GeneratedField(
        expression=FullTextEntry(
            F("text_search_config"), F("content"), F("answer"), F("search_text")
        ),
        output_field=SearchVectorField(),
        db_persist=True,
    )

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(row__gte=1), name="staged_row_from_1")
        ]

    def __str__(self) -> str:
        return f"row {self.row} of {self.job_id}"


class StagedParent(models.Model):
    """The passage of a hierarchical document whose parts are the staged rows in its range.

    `segment_id` is the id that it gets, or has, if the document has the same passage.
    """

    pk = models.CompositePrimaryKey("job_id", "first_row")
    job_id = models.UUIDField()
    first_row = models.PositiveIntegerField()
    last_row = models.PositiveIntegerField()
    segment_id = models.UUIDField(default=uuid.uuid4)
    is_known = models.BooleanField(default=False)
    content = models.TextField()
    tokens = models.PositiveIntegerField()
    keywords = ArrayField(models.TextField(), null=True)
    external_id = models.CharField(max_length=255, null=True)  # noqa: DJ001
    metadata = models.JSONField(default=dict)
    enabled = models.BooleanField(default=True)
    content_hash = models.CharField(max_length=HASH_CHARS)

    def __str__(self) -> str:
        return f"rows {self.first_row} to {self.last_row} of {self.job_id}"


class StagedMatch(models.Model):
    """The document's segment that a staged row matches; a new row has no match.

    `needs_vector`: the row's text differs from the segment's, so it has to be embedded.
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
        return f"row {self.row} of {self.job_id} matches {self.segment_id}"


class StagedVector(models.Model):
    """The vector of a staged row; it exists once its chunk is done."""

    pk = models.CompositePrimaryKey("job_id", "row")
    job_id = models.UUIDField()
    row = models.PositiveIntegerField()
    embedding = VectorField()

    def __str__(self) -> str:
        return f"vector of row {self.row} of {self.job_id}"
