"""Imports: Dify's two fields, and how far it is."""

from mimetypes import guess_type
from pathlib import PurePath
from typing import Any

from rest_framework import serializers

from segments.api.serializers.fields import UnixTime, UserId
from segments.files.options import (
    Cleaning,
    EmbedWhen,
    ImportMode,
    OnError,
    ParentMode,
    ReadAs,
    UnknownColumns,
)
from segments.files.splitting import LEAST_TOKENS, MOST_TOKENS, SEPARATOR_CHARS
from segments.models import ImportJob, RowError, UploadFile
from segments.models.import_job import ImportSource, ImportStatus
from segments.progress import JOB_STATUS, ImportProgress


class UploadFormSerializer(serializers.Serializer[None]):
    """A form with one file in it; what else Dify's clients send is not used."""

    file = serializers.FileField()


class UploadSerializer(serializers.Serializer[UploadFile]):
    """A file that was handed in."""

    id = serializers.UUIDField(read_only=True)
    name = serializers.CharField(read_only=True)
    size = serializers.IntegerField(read_only=True)
    extension = serializers.CharField(read_only=True)
    mime_type = serializers.CharField(read_only=True)
    created_by = UserId(source="created_by_id")
    created_at = UnixTime()


class LinkSerializer(serializers.Serializer[Any]):
    """Where a file can be had for a while without a key."""

    url = serializers.CharField()


class FileLinkSerializer(LinkSerializer):
    """The file of an import, and where it can be had for a while without a key."""

    download_url = serializers.CharField()
    id = serializers.UUIDField(source="job.id")
    name = serializers.CharField(source="job.file_name")
    size = serializers.IntegerField(source="job.file_bytes")
    extension = serializers.SerializerMethodField()
    mime_type = serializers.SerializerMethodField()
    created_by = UserId(source="job.created_by_id")
    created_at = UnixTime(source="job.created_at")

    def get_extension(self, links: dict[str, Any]) -> str:
        """What its name ends in, without the dot."""
        return PurePath(links["job"].file_name).suffix.lstrip(".").lower()

    def get_mime_type(self, links: dict[str, Any]) -> str:
        """By its name."""
        return guess_type(links["job"].file_name)[0] or "application/octet-stream"


class OptionsSerializer(serializers.Serializer[None]):
    """How the file is read and what it does to the document; all of it may be left out."""

    mode = serializers.ChoiceField(ImportMode.choices, required=False)
    on_error = serializers.ChoiceField(OnError.choices, required=False)
    map = serializers.ListField(
        child=serializers.CharField(),
        required=False,
        help_text="Which column is which part, for example content=Frage; in JSON also an object.",
    )
    no_header = serializers.BooleanField(required=False)
    header_row = serializers.IntegerField(
        required=False, min_value=1, help_text="The row of the header; found if omitted."
    )
    template = serializers.CharField(
        required=False,
        help_text="Writes each text from several columns, for example {Name}: {Price}.",
    )
    unknown = serializers.ChoiceField([word.value for word in UnknownColumns], required=False)
    embed = serializers.ChoiceField(
        EmbedWhen.choices,
        required=False,
        help_text="later: full-text search finds the rows at once; auto (default): so if embedding "
        "is known to take longer than a minute.",
    )
    encoding = serializers.CharField(required=False, help_text="Detected if omitted.")
    delimiter = serializers.CharField(required=False, help_text="Detected if omitted.")
    sheet = serializers.ListField(
        child=serializers.CharField(),
        required=False,
        help_text="Of a workbook; all means every one; default: the first that has rows.",
    )
    max_tokens = serializers.IntegerField(
        required=False,
        help_text="If the rows need more, the import fails before anything is embedded.",
    )
    max_cost = serializers.DecimalField(
        20, 6, required=False, help_text="Like max_tokens, for the cost."
    )
    read_as = serializers.ChoiceField(
        [word.value for word in ReadAs], required=False, help_text="Of a text file."
    )
    separator = serializers.CharField(
        required=False,
        trim_whitespace=False,
        max_length=SEPARATOR_CHARS,
        help_text="A document is cut wherever it stands.",
    )
    chunk_tokens = serializers.IntegerField(
        required=False,
        min_value=LEAST_TOKENS,
        max_value=MOST_TOKENS,
        help_text="The longest piece of a document; default: 500.",
    )
    chunk_overlap = serializers.IntegerField(
        required=False,
        min_value=0,
        max_value=MOST_TOKENS,
        help_text="How many tokens a piece repeats of the one before.",
    )
    cleaning = serializers.ListField(
        child=serializers.ChoiceField([word.value for word in Cleaning]),
        required=False,
        help_text="What is removed from a document before it is cut.",
    )
    parent_mode = serializers.ChoiceField(
        [word.value for word in ParentMode],
        required=False,
        help_text="Into a hierarchical document: what a passage is.",
    )
    child_tokens = serializers.IntegerField(
        required=False,
        min_value=LEAST_TOKENS,
        max_value=MOST_TOKENS,
        help_text="The longest part that a passage is found by; default: 200.",
    )
    child_separator = serializers.CharField(
        required=False, trim_whitespace=False, max_length=SEPARATOR_CHARS
    )


class BatchImportSerializer(OptionsSerializer):
    """An import of a file that was uploaded before."""

    upload_file_id = serializers.UUIDField()


class BatchImportFormSerializer(OptionsSerializer):
    """An import of the file in the form."""

    file = serializers.FileField()


class BulkRowSerializer(serializers.Serializer[None]):
    """A line of a bulk request; other fields are reported, or metadata (`unknown`)."""

    content = serializers.CharField()
    answer = serializers.CharField(required=False)
    keywords = serializers.ListField(child=serializers.CharField(), required=False)
    external_id = serializers.CharField(required=False)
    metadata = serializers.DictField(required=False)
    enabled = serializers.BooleanField(required=False)


PHASES = [
    phase.value
    for phase in (
        ImportStatus.WAITING,
        ImportStatus.PREPARING,
        ImportStatus.EMBEDDING,
        ImportStatus.PUBLISHING,
        ImportStatus.COMPLETED,
    )
]


class ProgressSerializer(serializers.Serializer[ImportProgress]):
    """How far an import is; `job_status` is for clients of Dify, `status` says more."""

    job_id = serializers.UUIDField(read_only=True)
    job_status = serializers.ChoiceField(sorted(set(JOB_STATUS.values())), read_only=True)
    status = serializers.ChoiceField(ImportStatus.values, read_only=True)
    phase = serializers.ChoiceField(PHASES, read_only=True)
    rows_total = serializers.IntegerField(
        read_only=True, allow_null=True, help_text="Unknown until the whole file has been read."
    )
    rows_checked = serializers.IntegerField(read_only=True)
    rows_failed = serializers.IntegerField(read_only=True)
    rows_embedded = serializers.IntegerField(read_only=True)
    rows_reused = serializers.IntegerField(
        read_only=True, help_text="Vectors that the dataset already had."
    )
    rows_published = serializers.IntegerField(read_only=True)
    tokens = serializers.IntegerField(read_only=True)
    fraction = serializers.FloatField(
        read_only=True, allow_null=True, help_text="Progress of the phase, from 0 to 1."
    )
    rows_per_second = serializers.FloatField(read_only=True, allow_null=True)
    seconds_left = serializers.FloatField(
        read_only=True,
        allow_null=True,
        help_text="Until the end of the phase, at the current rate.",
    )
    created_at = UnixTime()
    started_at = UnixTime(allow_null=True)
    finished_at = UnixTime(allow_null=True)
    measured_at = UnixTime()
    started_by = serializers.CharField(read_only=True)
    source = serializers.ChoiceField(  # type: ignore[assignment]  # a field, not where it is from
        ImportSource.values, read_only=True
    )
    worker = serializers.CharField(read_only=True)
    error_code = serializers.CharField(read_only=True)
    error = serializers.CharField(read_only=True)


class FileSerializer(serializers.Serializer[ImportJob]):
    """The file of an import."""

    name = serializers.CharField(source="file_name", read_only=True)
    size = serializers.IntegerField(source="file_bytes", read_only=True)
    sha256 = serializers.CharField(source="file_sha256", read_only=True)


class JobSerializer(serializers.Serializer[ImportJob]):
    """What an import is of, and what it has done to its document."""

    id = serializers.UUIDField(read_only=True)
    dataset_id = serializers.UUIDField(read_only=True)
    document_id = serializers.UUIDField(read_only=True)
    file = FileSerializer(source="*")
    mode = serializers.CharField(read_only=True)
    on_error = serializers.CharField(read_only=True)
    options = serializers.DictField(read_only=True)
    rows_created = serializers.IntegerField(read_only=True)
    rows_updated = serializers.IntegerField(read_only=True)
    rows_skipped = serializers.IntegerField(read_only=True)
    rows_deleted = serializers.IntegerField(read_only=True)
    embedding_requests = serializers.IntegerField(
        read_only=True, help_text="Requests sent to the model's endpoint."
    )
    embedding_tokens = serializers.IntegerField(
        read_only=True, help_text="Tokens billed by the endpoint."
    )
    embedding_cost = serializers.FloatField(
        read_only=True, help_text="Tokens billed times the model's price."
    )
    notices = serializers.ListField(child=serializers.CharField(), read_only=True)
    created_by = UserId(source="created_by_id")
    retry_of = serializers.UUIDField(source="retry_of_id", read_only=True, allow_null=True)
    undone_at = UnixTime(allow_null=True)


class ImportSerializer(JobSerializer, ProgressSerializer):
    """An import: what it is of, and how far it is (the schema of `import_as_json`)."""


def import_as_json(job: ImportJob, progress: ImportProgress) -> dict[str, Any]:
    """An import as the API shows it."""
    return {**JobSerializer(job).data, **ProgressSerializer(progress).data}


class ImportQuery(serializers.Serializer[None]):
    """Which imports are wanted."""

    status = serializers.MultipleChoiceField(
        choices=ImportStatus.choices, required=False, help_text="Repeat it to match any of several."
    )
    dataset = serializers.UUIDField(required=False)
    document = serializers.UUIDField(required=False)


class RowErrorSerializer(serializers.Serializer[RowError]):
    """A bad row of the file."""

    line = serializers.IntegerField(read_only=True)
    column = serializers.CharField(read_only=True)
    value = serializers.CharField(read_only=True)
    code = serializers.CharField(read_only=True)
    reason = serializers.CharField(read_only=True)
    remedy = serializers.CharField(read_only=True)
