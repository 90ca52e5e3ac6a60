"""A question and its hits as Dify's clients know them."""

from typing import Any

from rest_framework import serializers

from datasets.models import Document
from segments.api.serializers.fields import Constant, CreatorId, UnixTime, UserId
from segments.models import DocumentSegment
from segments.search.query import MAX_TOP_K
from segments.search.reranking import Reranking


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


class VectorSettingSerializer(serializers.Serializer[None]):
    """How much meaning counts in a hybrid search."""

    vector_weight = serializers.FloatField(min_value=0, max_value=1)


class KeywordSettingSerializer(serializers.Serializer[None]):
    """How much words count in a hybrid search."""

    keyword_weight = serializers.FloatField(min_value=0, max_value=1)


class WeightsSerializer(serializers.Serializer[None]):
    """What meaning and words count in a hybrid search; only their ratio matters."""

    vector_setting = VectorSettingSerializer()
    keyword_setting = KeywordSettingSerializer()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse two zeros, which say nothing."""
        if not semantic_weight(attrs) and not attrs["keyword_setting"]["keyword_weight"]:
            raise serializers.ValidationError("One of the two weights must be above 0.")
        return attrs


def semantic_weight(weights: dict[str, Any]) -> float:
    """The share of meaning that checked weights ask for, 0 to 1."""
    meaning: float = weights["vector_setting"]["vector_weight"]
    words: float = weights["keyword_setting"]["keyword_weight"]
    return meaning / (meaning + words) if meaning else 0.0


class RerankingModelSerializer(serializers.Serializer[None]):
    """A reranker; both empty is none."""

    reranking_provider_name = serializers.CharField(max_length=64, allow_blank=True)
    reranking_model_name = serializers.CharField(max_length=255, allow_blank=True)


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
    score_threshold = serializers.FloatField(
        required=False,
        allow_null=True,
        default=None,
        help_text="Cosine similarity, BM25, 0 to 1 for hybrid, or the reranker's own scores.",
    )
    weights = WeightsSerializer(
        required=False, allow_null=True, default=None, help_text="Default: the dataset's own."
    )
    reranking_enable = serializers.BooleanField(
        required=False, allow_null=True, default=None, help_text="Default: as the dataset is set."
    )
    reranking_model = RerankingModelSerializer(
        required=False, allow_null=True, default=None, help_text="Default: the dataset's own."
    )


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


class RerankingSerializer(serializers.Serializer[Reranking]):
    """Whether the hits are in a reranker's order, and why not."""

    provider = serializers.CharField(source="model.provider")
    model = serializers.CharField(source="model.model")
    reranked = serializers.BooleanField(source="is_done")
    reason = serializers.CharField(help_text="Empty if it was reranked.")


class RetrievalSerializer(serializers.Serializer[None]):
    """A question and its hits, best first; `reranking` is null if none was wanted."""

    query = QuerySerializer()
    records = RecordSerializer(many=True)
    reranking = RerankingSerializer(allow_null=True)


def record_as_json(segment: DocumentSegment, document: Document, score: float) -> dict[str, Any]:
    """A hit as the API shows it."""
    segment.document = document
    record: dict[str, Any] = {"segment": segment, "score": score}
    return dict(RecordSerializer(record).data)
