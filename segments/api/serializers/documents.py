"""Documents as Dify's clients know them."""

from rest_framework import serializers

from datasets.models import DocForm, Document, IndexingStatus
from segments.api.serializers.fields import Constant, CreatorId, UnixTime

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
    """A document; its position comes with the query (`segments.api.documents.placed`)."""

    id = serializers.UUIDField(read_only=True)
    position = serializers.IntegerField(read_only=True, help_text="In order of creation.")
    name = serializers.CharField(read_only=True)
    doc_form = serializers.CharField(read_only=True)
    indexing_status = serializers.CharField(read_only=True)
    display_status = serializers.SerializerMethodField()
    enabled = serializers.BooleanField(read_only=True)
    archived = serializers.BooleanField(read_only=True)
    segment_count = serializers.IntegerField(read_only=True)
    hit_count = Constant(0)
    word_count = serializers.IntegerField(read_only=True, help_text="Characters.")
    tokens = serializers.IntegerField(read_only=True)
    data_source_type = Constant("upload_file")
    data_source_info = Constant({})
    data_source_detail_dict = Constant({})
    dataset_process_rule_id = Constant(None)
    created_from = Constant("api")
    error = Constant(None)
    disabled_at = Constant(None)
    disabled_by = Constant(None)
    doc_metadata = Constant([])
    summary_index_status = Constant(None)
    need_summary = Constant(False)
    created_by = CreatorId()
    created_at = UnixTime()
    updated_at = UnixTime()

    def get_display_status(self, document: Document) -> str:
        """Its state in one word."""
        return display_status(document)


class DocumentAnswerSerializer(serializers.Serializer[None]):
    """A document that was just made."""

    document = DocumentSerializer()
    batch = serializers.CharField(help_text="Empty: there is nothing to index yet.")
