"""Datasets as Dify's clients know them, as far as Segmill has what they speak of."""

from typing import Any

from rest_framework import serializers

from datasets.models import Dataset, IndexingTechnique
from segments.api.serializers.fields import Constant, CreatorId, UnixTime
from segments.api.serializers.retrieval import DEFAULT_TOP_K
from segments.services.languages import language_advice
from segments.services.model_providers import has_usable_model

# Dify's limits, which its clients keep to.
NAME_CHARS = 40
DESCRIPTION_CHARS = 400
# There is one way of ranking; Dify's clients look for the words of all its ways.
RETRIEVAL_MODEL = {
    "reranking_enable": False,
    "reranking_mode": None,
    "reranking_model": {"reranking_provider_name": "", "reranking_model_name": ""},
    "weights": None,
    "top_k": DEFAULT_TOP_K,
    "score_threshold_enabled": False,
    "score_threshold": None,
}


class NewDatasetSerializer(serializers.Serializer[None]):
    """What a new dataset shall be. Other fields that Dify knows are not used."""

    name = serializers.CharField(max_length=NAME_CHARS)
    description = serializers.CharField(
        max_length=DESCRIPTION_CHARS, required=False, default="", allow_blank=True
    )
    indexing_technique = serializers.ChoiceField(
        IndexingTechnique.choices, required=False, allow_null=True, default=None
    )
    embedding_model = serializers.CharField(
        max_length=255, required=False, allow_null=True, allow_blank=True, default=None
    )
    embedding_model_provider = serializers.CharField(
        max_length=64, required=False, allow_null=True, allow_blank=True, default=None
    )
    language = serializers.CharField(
        max_length=32,
        required=False,
        allow_blank=True,
        default="",
        help_text="As de or German; if it is left out, the first import shows it.",
    )
    text_search_config = serializers.CharField(
        max_length=63,
        required=False,
        allow_blank=True,
        default="",
        help_text="A text search configuration of the PostgreSQL server, such as german.",
    )
    provider = serializers.ChoiceField(
        ["vendor"],
        required=False,
        default="vendor",
        help_text="External datasets are not supported.",
    )


class DatasetLanguageSerializer(serializers.Serializer[None]):
    """Another language for a dataset."""

    language = serializers.CharField(
        max_length=32, required=False, default="", help_text="As de or German."
    )
    text_search_config = serializers.CharField(
        max_length=63,
        required=False,
        default="",
        help_text="If it is left out, the one of the language.",
    )

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        """One of both is needed."""
        if not (given["language"] or given["text_search_config"]):
            raise serializers.ValidationError("Give language, text_search_config, or both.")
        return given


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
    tags = Constant([])
    doc_metadata = Constant([])
    built_in_field_enabled = Constant(False)
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
        source="created_by.username", read_only=True, allow_null=True, default=None
    )
    created_at = UnixTime()
    updated_by = CreatorId()
    updated_at = UnixTime()

    def get_retrieval_model_dict(self, dataset: Dataset) -> dict[str, Any]:
        """How `retrieve` finds segments, unless it is asked to do otherwise."""
        method = "semantic_search" if dataset.has_vectors else "full_text_search"
        return {**RETRIEVAL_MODEL, "search_method": method}

    def get_language_advice(self, dataset: Dataset) -> str:
        """What helps if the model does not know the language; else empty."""
        return language_advice(dataset)

    def get_embedding_available(self, dataset: Dataset) -> bool:
        """Whether its embedding model is available, or it needs none."""
        return has_usable_model(dataset)
