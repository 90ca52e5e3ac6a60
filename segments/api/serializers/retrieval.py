"""A question and its hits as Dify's clients know them."""

from typing import Any

from rest_framework import serializers

from datasets.models import Document
from segments.api.serializers.fields import Constant, CreatorId, UnixTime, UserId
from segments.models import DocumentSegment
from segments.search.query import MAX_TOP_K


class SegmentSerializer(serializers.Serializer[DocumentSegment]):
    """A segment."""

    id = serializers.UUIDField(read_only=True)
    position = serializers.IntegerField(read_only=True)
    document_id = serializers.UUIDField(read_only=True)
    content = serializers.CharField(read_only=True)
    sign_content = serializers.CharField(source="content", read_only=True)
    answer = serializers.CharField(read_only=True, allow_null=True)
    word_count = serializers.IntegerField(read_only=True, help_text="Characters.")
    tokens = serializers.IntegerField(read_only=True)
    keywords = serializers.ListField(child=serializers.CharField(), read_only=True, allow_null=True)
    external_id = serializers.CharField(read_only=True, allow_null=True)
    metadata = serializers.DictField(read_only=True)
    index_node_id = serializers.UUIDField(read_only=True)
    index_node_hash = serializers.CharField(read_only=True)
    hit_count = serializers.IntegerField(read_only=True)
    enabled = serializers.BooleanField(read_only=True)
    disabled_at = UnixTime(allow_null=True)
    disabled_by = UserId(source="disabled_by_id")
    status = serializers.CharField(read_only=True)
    created_by = CreatorId()
    created_at = UnixTime()
    indexing_at = UnixTime(allow_null=True)
    completed_at = UnixTime(allow_null=True)
    stopped_at = UnixTime(allow_null=True)
    error = serializers.CharField(read_only=True, allow_null=True)


# Dify's limit; its clients show it.
QUERY_CHARS = 250
DEFAULT_TOP_K = 4


class RetrievalModelSerializer(serializers.Serializer[None]):
    """How segments are found. Other fields that Dify knows are not used."""

    search_method = serializers.ChoiceField(
        ["semantic_search", "full_text_search", "keyword_search", "hybrid_search"],
        required=False,
        default="semantic_search",
    )
    top_k = serializers.IntegerField(
        min_value=1, max_value=MAX_TOP_K, required=False, default=DEFAULT_TOP_K
    )
    score_threshold_enabled = serializers.BooleanField(required=False, default=False)
    score_threshold = serializers.FloatField(required=False, allow_null=True, default=None)


class RetrieveSerializer(serializers.Serializer[None]):
    """A question."""

    query = serializers.CharField(
        max_length=QUERY_CHARS,
        error_messages={"max_length": "Query cannot exceed 250 characters"},
    )
    retrieval_model = RetrievalModelSerializer(required=False, allow_null=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """With the usual way of finding, unless another one is asked for."""
        usual = {name: field.default for name, field in RetrievalModelSerializer().fields.items()}
        return attrs | {"retrieval_model": attrs.get("retrieval_model") or usual}


class HitDocumentSerializer(serializers.Serializer[Document]):
    """The document of a hit."""

    id = serializers.UUIDField(read_only=True)
    data_source_type = Constant("upload_file")
    name = serializers.CharField(read_only=True)
    doc_type = Constant(None)
    doc_metadata = Constant(None)


class HitSegmentSerializer(SegmentSerializer):
    """A found segment, with its document."""

    document = HitDocumentSerializer(read_only=True)


class RecordSerializer(serializers.Serializer[dict[str, Any]]):
    """A hit."""

    segment = HitSegmentSerializer()
    child_chunks = Constant([])
    score = serializers.FloatField()
    tsne_position = Constant(None)
    files = Constant([])
    summary = Constant(None)


class QuerySerializer(serializers.Serializer[None]):
    """The question, as it was understood."""

    content = serializers.CharField()


class RetrievalSerializer(serializers.Serializer[None]):
    """A question and its hits, best first."""

    query = QuerySerializer()
    records = RecordSerializer(many=True)


def record_as_json(segment: DocumentSegment, document: Document, score: float) -> dict[str, Any]:
    """A hit as the API shows it."""
    segment.document = document
    record: dict[str, Any] = {"segment": segment, "score": score}
    return dict(RecordSerializer(record).data)
