"""Documents as Dify's clients know them."""

from rest_framework import serializers

from datasets.models import DocForm, Document, IndexingStatus
from segments.api.serializers.fields import UnixTime, UserId

DISPLAY_STATUS = {
    IndexingStatus.WAITING: "queuing",
    IndexingStatus.PAUSED: "paused",
    IndexingStatus.PARSING: "indexing",
    IndexingStatus.CLEANING: "indexing",
    IndexingStatus.SPLITTING: "indexing",
    IndexingStatus.INDEXING: "indexing",
    IndexingStatus.ERROR: "error",
}


def display_status(document: Document) -> str:
    """The state of a document in one word."""
    if document.indexing_status != IndexingStatus.COMPLETED:
        return DISPLAY_STATUS[IndexingStatus(document.indexing_status)]
    if document.archived:
        return "archived"
    return "available" if document.enabled else "disabled"


class NewDocumentSerializer(serializers.Serializer[None]):
    """What a new document shall be; it has no segments yet."""

    name = serializers.CharField(max_length=255)
    doc_form = serializers.ChoiceField(DocForm.choices, required=False, default=DocForm.TEXT)


class DocumentSerializer(serializers.Serializer[Document]):
    """A document."""

    id = serializers.UUIDField(read_only=True)
    name = serializers.CharField(read_only=True)
    doc_form = serializers.CharField(read_only=True)
    indexing_status = serializers.CharField(read_only=True)
    display_status = serializers.SerializerMethodField()
    enabled = serializers.BooleanField(read_only=True)
    archived = serializers.BooleanField(read_only=True)
    segment_count = serializers.IntegerField(read_only=True)
    word_count = serializers.IntegerField(read_only=True, help_text="Characters.")
    tokens = serializers.IntegerField(read_only=True)
    data_source_type = serializers.SerializerMethodField()
    created_by = UserId(source="created_by_id")
    created_at = UnixTime()
    updated_at = UnixTime()

    def get_display_status(self, document: Document) -> str:
        """Its state in one word."""
        return display_status(document)

    def get_data_source_type(self, document: Document) -> str:
        """Segments come from files."""
        return "upload_file"


class DocumentAnswerSerializer(serializers.Serializer[None]):
    """A document that was just made."""

    document = DocumentSerializer()
