"""A question and its hits as Dify's clients know them."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cache
from types import MappingProxyType
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.fields import empty

from datasets.models import Document
from segments.api.serializers.fields import (
    Constant,
    Id,
    JSONInteger,
    JSONNumber,
    NotHonoured,
    Text,
    Truth,
)
from segments.api.serializers.segments import SegmentSerializer
from segments.exceptions import FilterRefused
from segments.search.filters import (
    MAX_CONDITIONS,
    MAX_VALUE_CHARS,
    MAX_VALUES,
    SPELLINGS,
    LogicalOperator,
    SearchFilter,
    conditions_of,
)
from segments.search.hits import ChildHit, FoundSegment, Hit
from segments.search.query import MAX_TOP_K
from segments.search.reranking import Reranking
from segments.services.metadata import built_in_values, built_in_values_of

# Dify's limit; its clients show it.
QUERY_CHARS = 250
DEFAULT_TOP_K = 4


class VectorSettingSerializer(serializers.Serializer[None]):
    """How much meaning counts in a hybrid search."""

    vector_weight = JSONNumber(min_value=0, max_value=1)


class KeywordSettingSerializer(serializers.Serializer[None]):
    """How much words count in a hybrid search."""

    keyword_weight = JSONNumber(min_value=0, max_value=1)


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

    reranking_provider_name = Text(max_length=64, allow_blank=True)
    reranking_model_name = Text(max_length=255, allow_blank=True)


@extend_schema_field(
    {
        "nullable": True,
        "oneOf": [
            {"type": "string"},
            {"type": "number"},
            {"type": "array", "items": {"oneOf": [{"type": "string"}, {"type": "number"}]}},
        ],
    }
)
class _ConditionValue(serializers.JSONField):
    """What a value is compared with: a text, a number, or a list of them."""


class ConditionSerializer(serializers.Serializer[None]):
    """What a value of the metadata shall be."""

    name = Text()
    comparison_operator = serializers.ChoiceField(sorted(SPELLINGS))
    value = _ConditionValue(
        required=False,
        allow_null=True,
        help_text="A text or a number; a list or “a, b” for in and not in; none for empty.",
    )


class ConditionsSerializer(serializers.Serializer[None]):
    """Conditions on the metadata of segments and documents."""

    logical_operator = serializers.ChoiceField(list(LogicalOperator), default="and")
    conditions = serializers.ListField(
        child=ConditionSerializer(), max_length=MAX_CONDITIONS, required=False
    )

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """The conditions as JSON can keep them.

        Raises:
            ValidationError: one of them cannot be understood.
        """
        try:
            conditions, joined = conditions_of(data)
        except FilterRefused as refusal:
            raise serializers.ValidationError(str(refusal)) from refusal
        listed = [
            {"name": each.name, "comparison_operator": each.operator.value, "value": each.value}
            for each in conditions
        ]
        return {"logical_operator": joined.value, "conditions": listed}


class FilterSerializer(serializers.Serializer[None]):
    """Which segments may be found; a list lets pass what has any of its items."""

    document_ids = serializers.ListField(
        child=Id(), required=False, allow_null=True, max_length=MAX_VALUES
    )
    external_ids = serializers.ListField(
        child=Text(max_length=MAX_VALUE_CHARS),
        required=False,
        allow_null=True,
        max_length=MAX_VALUES,
    )
    keywords = serializers.ListField(
        child=Text(max_length=MAX_VALUE_CHARS),
        required=False,
        allow_null=True,
        max_length=MAX_VALUES,
    )
    enabled = Truth(
        required=False,
        allow_null=True,
        default=True,
        help_text="False finds segments that are switched off, null both.",
    )


class RetrievalModelSerializer(serializers.Serializer[None]):
    """How segments are found."""

    search_method = serializers.ChoiceField(
        ["semantic_search", "full_text_search", "keyword_search", "hybrid_search"],
        required=False,
        default="semantic_search",
    )
    top_k = JSONInteger(min_value=1, max_value=MAX_TOP_K, required=False, default=DEFAULT_TOP_K)
    score_threshold_enabled = Truth(required=False, default=False)
    score_threshold = JSONNumber(required=False, allow_null=True, default=None)
    reranking_enable = Truth(
        required=False, allow_null=True, default=None, help_text="Default: as the dataset is set."
    )
    reranking_mode = serializers.ChoiceField(
        ["reranking_model", "weighted_score"],
        required=False,
        allow_null=True,
        default=None,
        help_text="weighted_score: by the weights, without the dataset's reranker.",
    )
    reranking_model = RerankingModelSerializer(
        required=False, allow_null=True, default=None, help_text="Default: the dataset's own."
    )
    weights = WeightsSerializer(
        required=False, allow_null=True, default=None, help_text="Default: the dataset's own."
    )
    metadata_filtering_conditions = ConditionsSerializer(
        required=False, allow_null=True, default=None
    )

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """The fields; conditions with none in them are no conditions."""
        if isinstance(data, dict):
            given = data.get("metadata_filtering_conditions")
            if given == [] or (isinstance(given, dict) and given.get("conditions") in (None, [])):
                data = data | {"metadata_filtering_conditions": None}
        found: dict[str, Any] = dict(super().to_internal_value(data))
        return found


class RetrieveSerializer(serializers.Serializer[None]):
    """A question; without a retrieval model it is answered by the dataset's, or the usual one."""

    query = Text(
        max_length=QUERY_CHARS,
        error_messages={"max_length": "Query cannot exceed 250 characters"},
    )
    retrieval_model = RetrievalModelSerializer(required=False, allow_null=True)
    filter = FilterSerializer(required=False, allow_null=True)
    external_retrieval_model = NotHonoured(because="external datasets are not supported")
    attachment_ids = NotHonoured(because="questions are texts only")


def filter_of(model: Mapping[str, Any], given: Mapping[str, Any] | None) -> SearchFilter:
    """The filter that a checked question and its retrieval model ask for."""
    conditions, joined = conditions_of(model["metadata_filtering_conditions"])
    fields = {
        "documents": "document_ids",
        "external_ids": "external_ids",
        "keywords": "keywords",
    }
    given = given or {}
    listed = {
        name: None if given.get(field) is None else tuple(given[field])
        for name, field in fields.items()
    }
    return SearchFilter(
        **listed,
        enabled=given.get("enabled", True),
        conditions=conditions,
        logical_operator=joined,
    )


@cache
def usual_retrieval_model() -> Mapping[str, Any]:
    """How segments are found where nobody says how."""
    fields = RetrievalModelSerializer().fields.items()
    return MappingProxyType(
        {name: field.default for name, field in fields if field.default is not empty}
    )


class HitDocumentSerializer(serializers.Serializer[Document]):
    """The document of a hit."""

    id = serializers.UUIDField(read_only=True)
    data_source_type = Constant("upload_file")
    name = serializers.CharField(read_only=True)
    doc_type = Constant(None)
    doc_metadata = serializers.SerializerMethodField()

    def get_doc_metadata(self, document: Document) -> dict[str, Any]:
        """The document's values by the names of their fields, the built-in ones among them."""
        return {**built_in_values(document), **document.doc_metadata}


class HitSegmentSerializer(SegmentSerializer):
    """A found segment, with its document."""

    document = HitDocumentSerializer(read_only=True)


class HitChildSerializer(serializers.Serializer[ChildHit]):
    """A part by which a passage was found."""

    id = serializers.UUIDField()
    content = serializers.CharField()
    position = serializers.IntegerField()
    score = serializers.FloatField()


class RecordSerializer(serializers.Serializer[dict[str, Any]]):
    """A hit."""

    segment = HitSegmentSerializer()
    child_chunks = HitChildSerializer(many=True)
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


def records_as_json(hits: Iterable[Hit], passages: Mapping[UUID, Any]) -> list[dict[str, Any]]:
    """Hits as `RecordSerializer` describes them; `passages` are those whose parts were found.

    By hand: the serializer takes longer over ten hits than the search for them.
    """
    return [
        _record_of_passage(passages[hit.segment_id], hit)
        if hit.found is None
        else _record(hit.found, hit.score)
        for hit in hits
        if hit.found is not None or hit.segment_id in passages
    ]


def _record_of_passage(passage: Any, hit: Hit) -> dict[str, Any]:
    described = {"segment": passage, "score": hit.score, "child_chunks": hit.child_chunks}
    return dict(RecordSerializer().to_representation(described))


def _record(found: FoundSegment, score: float) -> dict[str, Any]:
    return {
        "segment": {
            "id": str(found.id),
            "position": found.position,
            "document_id": str(found.document_id),
            "content": found.content,
            "sign_content": found.content,
            "answer": found.answer,
            "word_count": found.word_count,
            "tokens": found.tokens,
            "keywords": found.keywords or [],
            "external_id": found.external_id,
            "metadata": found.metadata,
            "index_node_id": str(found.index_node_id),
            "index_node_hash": found.index_node_hash,
            "hit_count": found.hit_count,
            "enabled": found.enabled,
            "disabled_at": _seconds(found.disabled_at),
            "disabled_by": _text(found.disabled_by_id),
            "status": found.status,
            "created_by": _text(found.created_by_id) or "",
            "created_at": _seconds(found.created_at),
            "indexing_at": _seconds(found.indexing_at),
            "completed_at": _seconds(found.completed_at),
            "stopped_at": _seconds(found.stopped_at),
            "error": found.error,
            "document": _document(found),
        },
        "child_chunks": [],
        "score": score,
        "tsne_position": None,
        "files": [],
        "summary": None,
    }


def _document(found: FoundSegment) -> dict[str, Any]:
    built_in = built_in_values_of(
        found.document_name,
        found.uploader,
        found.document_created_at,
        found.document_updated_at,
    )
    return {
        "id": str(found.document_id),
        "data_source_type": "upload_file",
        "name": found.document_name,
        "doc_type": None,
        "doc_metadata": {**built_in, **found.document_metadata},
    }


def _seconds(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp())


def _text(key: object) -> str | None:
    return None if key is None else str(key)
