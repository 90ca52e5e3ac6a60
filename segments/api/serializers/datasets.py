"""Datasets as Dify's clients know them, as far as Segmill has what they speak of."""

from typing import Any

from rest_framework import serializers

from datasets.models import Dataset, IndexingTechnique
from segments.api.serializers.fields import (
    Constant,
    CreatorId,
    JSONNumber,
    NotHonoured,
    Text,
    UnixTime,
)
from segments.api.serializers.retrieval import DEFAULT_TOP_K, RetrievalModelSerializer
from segments.services.languages import language_advice
from segments.services.model_providers import has_usable_model

# Dify's limits, which its clients keep to.
NAME_CHARS = 40
DESCRIPTION_CHARS = 400
NO_EXTERNAL = "external datasets are not supported"
NO_PERMISSIONS = "a dataset is open to all members of its tenant"


class _SharedFields(serializers.Serializer[None]):
    """What new and changed datasets have in common; the rest of Dify's fields is refused."""

    description = Text(
        max_length=DESCRIPTION_CHARS, required=False, allow_null=True, allow_blank=True
    )
    indexing_technique = serializers.ChoiceField(
        IndexingTechnique.choices, required=False, allow_null=True
    )
    embedding_model = Text(max_length=255, required=False, allow_null=True, allow_blank=True)
    embedding_model_provider = Text(
        max_length=64, required=False, allow_null=True, allow_blank=True
    )
    retrieval_model = RetrievalModelSerializer(required=False, allow_null=True)
    provider = serializers.ChoiceField(
        ["vendor"],
        required=False,
        allow_null=True,
        write_only=True,
        help_text="External datasets are not supported.",
    )
    partial_member_list = NotHonoured(because=NO_PERMISSIONS)
    external_knowledge_api_id = NotHonoured(because=NO_EXTERNAL)
    external_knowledge_id = NotHonoured(because=NO_EXTERNAL)
    external_retrieval_model = NotHonoured(because=NO_EXTERNAL)
    summary_index_setting = NotHonoured({"enable": False}, because="there are no summaries")


class NewDatasetSerializer(_SharedFields):
    """What a new dataset shall be."""

    name = Text(max_length=NAME_CHARS)
    language = Text(
        max_length=32,
        required=False,
        allow_blank=True,
        default="",
        help_text="As de or German; if it is left out, the first import shows it.",
    )
    text_search_config = Text(
        max_length=63,
        required=False,
        allow_blank=True,
        default="",
        help_text="A text search configuration of the PostgreSQL server, such as german.",
    )
    # Clients send only_me without being asked to. The answer says what it is.
    permission = serializers.ChoiceField(
        ["only_me", "all_team_members"],
        required=False,
        allow_null=True,
        write_only=True,
        help_text="A new dataset is open to its tenant, as the answer says; partial_members is "
        "refused.",
    )


class DatasetChangesSerializer(_SharedFields):
    """What shall be different about a dataset; what is left out, or null, stays as it is."""

    name = Text(max_length=NAME_CHARS, required=False, allow_null=True)
    language = Text(max_length=32, required=False, default="", help_text="As de or German.")
    text_search_config = Text(
        max_length=63,
        required=False,
        default="",
        help_text="If it is left out, the one of the language.",
    )
    semantic_weight = JSONNumber(
        min_value=0,
        max_value=1,
        required=False,
        allow_null=True,
        help_text="null: learned from the dataset's texts.",
    )
    permission = serializers.ChoiceField(
        ["all_team_members"],
        required=False,
        allow_null=True,
        write_only=True,
        help_text="A dataset is open to all members of its tenant.",
    )


class DatasetSerializer(serializers.Serializer[Dataset]):
    """A dataset; its counts come with the query (`segments.api.datasets.counted`)."""

    id = serializers.UUIDField(read_only=True)
    name = serializers.CharField(read_only=True)
    description = serializers.CharField(read_only=True)
    provider = serializers.CharField(read_only=True, default="vendor")
    permission = Constant("all_team_members")
    data_source_type = Constant("upload_file")
    indexing_technique = serializers.CharField(read_only=True)
    language = serializers.CharField(read_only=True)
    text_search_config = serializers.CharField(read_only=True)
    language_advice = serializers.SerializerMethodField()
    retrieval_model_dict = serializers.SerializerMethodField()
    semantic_weight = serializers.FloatField(
        read_only=True, help_text="The share of meaning in a hybrid score, 0 to 1."
    )
    semantic_weight_source = serializers.CharField(read_only=True)
    semantic_weight_basis = serializers.DictField(
        read_only=True, help_text="What the weight was learned or tuned from."
    )
    app_count = Constant(0)
    document_count = serializers.IntegerField(read_only=True)
    total_documents = serializers.IntegerField(source="document_count", read_only=True)
    total_available_documents = serializers.IntegerField(read_only=True)
    word_count = serializers.IntegerField(read_only=True, help_text="Characters.")
    segment_count = serializers.IntegerField(read_only=True)
    doc_form = serializers.CharField(read_only=True, allow_null=True)
    embedding_model = serializers.CharField(read_only=True)
    embedding_model_provider = serializers.CharField(read_only=True)
    embedding_available = serializers.SerializerMethodField()
    enable_api = serializers.BooleanField(read_only=True)
    tags = serializers.SerializerMethodField()
    doc_metadata = serializers.SerializerMethodField()
    built_in_field_enabled = serializers.BooleanField(read_only=True)
    summary_index_setting = Constant(None)
    external_knowledge_info = Constant(None)
    external_retrieval_model = Constant(None)
    runtime_mode = Constant("general")
    pipeline_id = Constant(None)
    chunk_structure = Constant(None)
    icon_info = Constant(None)
    is_published = Constant(False)
    is_multimodal = Constant(False)
    maintainer = Constant(None)
    partial_member_list = Constant(None)
    created_by = CreatorId()
    author_name = serializers.CharField(
        source="created_by.get_username", read_only=True, allow_null=True, default=None
    )
    created_at = UnixTime()
    updated_by = CreatorId()
    updated_at = UnixTime()

    def get_retrieval_model_dict(self, dataset: Dataset) -> dict[str, Any]:
        """How `retrieve` finds segments, unless it is asked to do otherwise."""
        return {
            "search_method": "semantic_search" if dataset.has_vectors else "full_text_search",
            "reranking_enable": bool(dataset.rerank_model),
            "reranking_mode": "reranking_model" if dataset.rerank_model else None,
            "reranking_model": {
                "reranking_provider_name": dataset.rerank_provider,
                "reranking_model_name": dataset.rerank_model,
            },
            "weights": _weights(dataset) if dataset.has_vectors else None,
            "top_k": DEFAULT_TOP_K,
            "score_threshold_enabled": False,
            "score_threshold": None,
            **(dataset.retrieval_model or {}),
        }

    def get_tags(self, dataset: Dataset) -> list[dict[str, str]]:
        """The words it is grouped by."""
        return [
            {"id": str(tag.pk), "name": tag.name, "type": "knowledge"} for tag in dataset.tags.all()
        ]

    def get_doc_metadata(self, dataset: Dataset) -> list[dict[str, str]]:
        """The fields that its documents may have values of."""
        return [
            {"id": str(field.pk), "name": field.name, "type": field.kind}
            for field in dataset.metadata_fields.all()
        ]

    def get_language_advice(self, dataset: Dataset) -> str:
        """What helps if the model does not know the language; else empty."""
        return language_advice(dataset)

    def get_embedding_available(self, dataset: Dataset) -> bool:
        """Whether its embedding model is available, or it needs none."""
        return has_usable_model(dataset)


def _weights(dataset: Dataset) -> dict[str, Any]:
    """The dataset's weight as Dify's clients read it."""
    return {
        "weight_type": "customized",
        "vector_setting": {
            "vector_weight": dataset.semantic_weight,
            "embedding_provider_name": dataset.embedding_model_provider,
            "embedding_model_name": dataset.embedding_model,
        },
        "keyword_setting": {"keyword_weight": round(1 - dataset.semantic_weight, 4)},
    }
