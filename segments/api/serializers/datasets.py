"""Datasets as Dify's clients know them, as far as Segmill has what they speak of."""

from typing import Any

from rest_framework import serializers

from datasets.models import Dataset, IndexingTechnique
from segments.api.serializers.fields import UnixTime, UserId
from segments.embedding import embedder_of
from segments.exceptions import NoEmbeddingModel

# Dify's limits, which its clients keep to.
NAME_CHARS = 40
DESCRIPTION_CHARS = 400


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
    text_search_config = serializers.CharField(
        max_length=63,
        required=False,
        allow_blank=True,
        default="",
        help_text="A text search configuration of the PostgreSQL server, such as german.",
    )
    provider = serializers.ChoiceField(
        ["vendor"], required=False, default="vendor", help_text="External ones are not served."
    )


class DatasetSerializer(serializers.Serializer[Dataset]):
    """A dataset; its counts come with the query (`segments.api.datasets.counted`)."""

    id = serializers.UUIDField(read_only=True)
    name = serializers.CharField(read_only=True)
    description = serializers.CharField(read_only=True)
    provider = serializers.CharField(read_only=True, default="vendor")
    permission = serializers.SerializerMethodField()
    data_source_type = serializers.SerializerMethodField()
    indexing_technique = serializers.CharField(read_only=True)
    text_search_config = serializers.CharField(read_only=True)
    app_count = serializers.SerializerMethodField()
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
    created_by = UserId(source="created_by_id")
    author_name = serializers.CharField(
        source="created_by.username", read_only=True, allow_null=True, default=None
    )
    created_at = UnixTime()
    updated_at = UnixTime()

    def get_permission(self, dataset: Dataset) -> str:
        """Every member of the tenant sees it."""
        return "all_team_members"

    def get_data_source_type(self, dataset: Dataset) -> str:
        """Segments come from files."""
        return "upload_file"

    def get_app_count(self, dataset: Dataset) -> int:
        """There are no apps here."""
        return 0

    def get_tags(self, dataset: Dataset) -> list[dict[str, Any]]:
        """There are no tags here."""
        return []

    def get_embedding_available(self, dataset: Dataset) -> bool:
        """Whether its model is to be had, if it needs one."""
        if not dataset.has_vectors:
            return True
        try:
            embedder_of(dataset)
        except NoEmbeddingModel:
            return False
        return True
