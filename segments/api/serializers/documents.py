"""Documents as Dify's clients know them."""

from collections.abc import Iterable
from typing import Any

from rest_framework import serializers

from datasets.models import Dataset, DocForm, Document, IndexingStatus
from segments.api.pagination import KeywordQuery
from segments.api.serializers.fields import Constant, CreatorId, Id, Text, UnixTime, UserId
from segments.services.documents import IndexingProgress, with_passages_counted
from segments.services.metadata import BUILT_IN, built_in_values

DISPLAY_STATUS = {
    IndexingStatus.WAITING: "queuing",
    IndexingStatus.PAUSED: "paused",
    IndexingStatus.PARSING: "indexing",
    IndexingStatus.CLEANING: "indexing",
    IndexingStatus.SPLITTING: "indexing",
    IndexingStatus.INDEXING: "indexing",
    IndexingStatus.ERROR: "error",
}


def display_status(document: Any) -> str:
    """The state of a document of `documents_of` in one word."""
    if document.shown_status != IndexingStatus.COMPLETED:
        return DISPLAY_STATUS[IndexingStatus(document.shown_status)]
    if document.archived:
        return "archived"
    return "available" if document.enabled else "disabled"


class NewDocumentSerializer(serializers.Serializer[None]):
    """What a new document shall be; it has no segments yet."""

    name = Text(max_length=255)
    doc_form = serializers.ChoiceField(DocForm.choices, required=False, default=DocForm.TEXT)


class DocumentSerializer(serializers.Serializer[Document]):
    """A document of `documents_of`; the context has the dataset's metadata `fields`."""

    id = serializers.UUIDField(read_only=True)
    position = serializers.IntegerField(read_only=True, help_text="In order of creation.")
    name = serializers.CharField(read_only=True)
    doc_form = serializers.CharField(read_only=True)
    indexing_status = serializers.CharField(source="shown_status", read_only=True)
    display_status = serializers.SerializerMethodField()
    enabled = serializers.BooleanField(read_only=True)
    archived = serializers.BooleanField(read_only=True)
    segment_count = serializers.IntegerField(read_only=True)
    hit_count = serializers.IntegerField(read_only=True)
    word_count = serializers.IntegerField(read_only=True, help_text="Characters.")
    tokens = serializers.IntegerField(read_only=True)
    data_source_type = Constant("upload_file")
    data_source_info = Constant({})
    data_source_detail_dict = Constant({})
    dataset_process_rule_id = Constant(None)
    created_from = Constant("api")
    error = serializers.SerializerMethodField()
    disabled_at = UnixTime(allow_null=True)
    disabled_by = UserId(source="disabled_by_id")
    doc_metadata = serializers.SerializerMethodField()
    summary_index_status = Constant(None)
    need_summary = Constant(False)
    created_by = CreatorId()
    created_at = UnixTime()
    updated_at = UnixTime()

    def get_display_status(self, document: Document) -> str:
        """Its state in one word."""
        return display_status(document)

    def get_error(self, document: Any) -> str | None:
        """Why no segments were made of its text."""
        return document.error or None if document.shown_status == IndexingStatus.ERROR else None

    def get_doc_metadata(self, document: Document) -> list[dict[str, Any]] | None:
        """Its values of the dataset's metadata fields; null if it has none."""
        shown = [
            {
                "id": str(field.pk),
                "name": field.name,
                "type": field.kind,
                "value": document.doc_metadata[field.name],
            }
            for field in self.context["fields"]
            if field.name in document.doc_metadata
        ]
        if self.context["with_built_in"]:
            shown += [
                {"id": "built-in", "name": name, "type": BUILT_IN[name].value, "value": value}
                for name, value in built_in_values(document).items()
            ]
        return shown or None


class DocumentDetailSerializer(DocumentSerializer):
    """A document with what only its own address tells."""

    # With `metadata`, parts of it are left out.
    always_there = ("id",)

    average_segment_length = serializers.SerializerMethodField()
    dataset_process_rule = Constant(None)
    document_process_rule = Constant(None)
    doc_language = Constant(None)
    doc_type = Constant(None)
    completed_at = UnixTime(source="created_at")
    indexing_latency = Constant(None)

    def get_average_segment_length(self, document: Document) -> int:
        """In characters."""
        return round(document.word_count / document.segment_count) if document.segment_count else 0


class DocumentQuery(KeywordQuery):
    """Which documents are wanted."""

    status = serializers.ChoiceField(
        sorted({*DISPLAY_STATUS.values(), "archived", "available", "disabled"}), required=False
    )


class DetailQuery(serializers.Serializer[None]):
    """How much of a document is wanted."""

    metadata = serializers.ChoiceField(["all", "only", "without"], required=False, default="all")


class DocumentIdsSerializer(serializers.Serializer[None]):
    """Documents of the dataset."""

    document_ids = serializers.ListField(child=Id(), allow_empty=False, max_length=1_000)


class ZippedDocumentsSerializer(serializers.Serializer[None]):
    """Documents of the dataset that go into an archive."""

    document_ids = serializers.ListField(child=Id(), allow_empty=False, max_length=100)


class IndexingSerializer(serializers.Serializer[IndexingProgress]):
    """How far the segments of a document's text are."""

    id = serializers.UUIDField(source="document.id", read_only=True)
    indexing_status = serializers.CharField(source="status", read_only=True)
    processing_started_at = UnixTime(source="started_at", allow_null=True)
    parsing_completed_at = UnixTime(source="split_at", allow_null=True)
    cleaning_completed_at = UnixTime(source="split_at", allow_null=True)
    splitting_completed_at = UnixTime(source="split_at", allow_null=True)
    completed_at = UnixTime(allow_null=True)
    paused_at = Constant(None)
    error = serializers.CharField(read_only=True, allow_null=True)
    stopped_at = UnixTime(allow_null=True)
    completed_segments = serializers.IntegerField(read_only=True)
    total_segments = serializers.IntegerField(read_only=True)


class IndexingAnswerSerializer(serializers.Serializer[None]):
    """The documents of a batch."""

    data = IndexingSerializer(many=True)  # type: ignore[assignment]  # Dify's name for it


class ResultSerializer(serializers.Serializer[None]):
    """That it was done."""

    result = serializers.CharField()


class DocumentAnswerSerializer(serializers.Serializer[None]):
    """A document that was just made, or is getting other segments."""

    document = DocumentSerializer()
    batch = serializers.CharField(help_text="What `indexing-status` is asked with.")


def documents_as_json(
    dataset: Dataset,
    documents: Iterable[Document],
    serializer: type[DocumentSerializer] = DocumentSerializer,
) -> list[dict[str, Any]]:
    """Documents of `documents_of` as the API shows them."""
    context = {
        "fields": list(dataset.metadata_fields.all()),
        "with_built_in": dataset.built_in_field_enabled,
    }
    shown = serializer(context=context)
    return [
        dict(shown.to_representation(document)) for document in with_passages_counted(documents)
    ]
