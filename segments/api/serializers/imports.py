"""Imports: Dify's two fields, and how far it is."""

from typing import Any

from rest_framework import serializers

from segments.api.serializers.fields import UnixTime, UserId
from segments.models import ImportJob, RowError
from segments.models.import_job import Door, ImportStatus
from segments.progress import JOB_STATUS, ImportProgress

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
        read_only=True, help_text="Vectors that the dataset had already."
    )
    rows_published = serializers.IntegerField(read_only=True)
    tokens = serializers.IntegerField(read_only=True)
    fraction = serializers.FloatField(
        read_only=True, allow_null=True, help_text="Of the phase, from 0 to 1."
    )
    rows_per_second = serializers.FloatField(read_only=True, allow_null=True)
    seconds_left = serializers.FloatField(
        read_only=True, allow_null=True, help_text="Of the phase, at the measured rate."
    )
    created_at = UnixTime()
    started_at = UnixTime(allow_null=True)
    finished_at = UnixTime(allow_null=True)
    measured_at = UnixTime()
    started_by = serializers.CharField(read_only=True)
    door = serializers.ChoiceField(Door.values, read_only=True)
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
        read_only=True, help_text="Asked of the model's endpoint."
    )
    embedding_tokens = serializers.IntegerField(
        read_only=True, help_text="As the endpoint bills them."
    )
    embedding_cost = serializers.FloatField(
        read_only=True, help_text="Of the tokens billed, at the model's price."
    )
    notices = serializers.ListField(child=serializers.CharField(), read_only=True)
    created_by = UserId(source="created_by_id")
    retry_of = serializers.UUIDField(source="retry_of_id", read_only=True, allow_null=True)
    undone_at = UnixTime(allow_null=True)


class ImportSerializer(JobSerializer, ProgressSerializer):
    """An import: what it is of, and how far it is (the schema of `show_import`)."""


def show_import(job: ImportJob, progress: ImportProgress) -> dict[str, Any]:
    """An import as the API shows it."""
    return {**JobSerializer(job).data, **ProgressSerializer(progress).data}


class ImportQuery(serializers.Serializer[None]):
    """Which imports are wanted."""

    status = serializers.MultipleChoiceField(
        choices=ImportStatus.choices, required=False, help_text="Several mean any of them."
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
