"""/v1/datasets: what there is to fill, made, changed and deleted; models to fill it with."""

from dataclasses import fields
from typing import Any
from uuid import UUID

from django.db.models import (
    BigIntegerField,
    Count,
    F,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    Value,
)
from django.db.models.functions import Coalesce
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from datasets.models import Dataset, Document, Tenant
from segments.api.pagination import KeywordQuery, LenientPageQuery, Page, each, page_of
from segments.api.serializers.datasets import (
    DatasetChangesSerializer,
    DatasetSerializer,
    NewDatasetSerializer,
)
from segments.api.serializers.retrieval import semantic_weight
from segments.api.views import ApiView, checked, checked_query
from segments.search import RerankModel
from segments.search.reranking import set_rerank_model
from segments.search.weights import set_weight
from segments.services.knowledge import (
    DatasetChanges,
    NewDataset,
    create_dataset,
    delete_dataset,
    update_dataset,
)
from segments.services.languages import change_language
from segments.services.model_providers import models_by_provider

# Parts of a way to retrieve that a dataset has fields of its own for.
KEPT_BY_DATASET = ("weights", "reranking_enable", "reranking_model")


def with_counts(tenant: Tenant) -> QuerySet[Dataset]:
    """The tenant's datasets with what DatasetSerializer counts, in one query."""
    available = Q(
        documents__enabled=True,
        documents__archived=False,
        documents__indexing_status="completed",
    )
    first = Document.objects.filter(dataset=OuterRef("pk")).order_by("created_at", "id")
    return (
        Dataset.objects.filter(tenant=tenant)
        .select_related("created_by")
        .prefetch_related("tags", "metadata_fields")
        .annotate(
            document_count=Count("documents"),
            total_available_documents=Count("documents", filter=available),
            word_count=_sum("documents__word_count"),
            segment_count=_sum("documents__segment_count"),
            doc_form=Subquery(first.values("doc_form")[:1]),
        )
        .order_by(F("created_at").desc(), "id")
    )


def _sum(field: str) -> Coalesce:
    return Coalesce(Sum(field), Value(0), output_field=BigIntegerField())


class DatasetQuery(KeywordQuery):
    """Which datasets are wanted: of a name, and with any of several tags."""

    tag_ids = serializers.ListField(
        child=serializers.UUIDField(), required=False, default=list, help_text="Repeat it."
    )
    include_all = serializers.BooleanField(
        required=False, default=False, help_text="A key sees all datasets of its tenant anyway."
    )


class DatasetsView(ApiView):
    """The datasets of the tenant."""

    @extend_schema(
        operation_id="list_datasets",
        parameters=[LenientPageQuery, DatasetQuery],
        responses=page_of(DatasetSerializer, "DatasetPage"),
    )
    def get(self, request: Request) -> Response:
        """A page of datasets, the newest first."""
        wanted = checked_query(DatasetQuery, request)
        datasets = self.within(with_counts(self.tenant), "pk")
        datasets = datasets.filter(name__icontains=wanted["keyword"])
        if wanted["tag_ids"]:
            tagged = Dataset.objects.filter(tags__in=wanted["tag_ids"])
            datasets = datasets.filter(pk__in=tagged.values("pk"))
        page = Page.of(request, LenientPageQuery)
        return Response(page.cut(datasets, each(DatasetSerializer)))

    @extend_schema(
        operation_id="create_dataset",
        request=NewDatasetSerializer,
        responses=DatasetSerializer,
    )
    def post(self, request: Request) -> Response:
        """A new, empty dataset."""
        self.refuse_one_dataset()
        wanted = checked(NewDatasetSerializer, request)
        dataset = create_dataset(self.tenant, NewDataset(**_given(wanted)), self.user)
        _change_ranking(dataset, wanted)
        return _answer(dataset)


class DatasetView(ApiView):
    """One dataset."""

    @extend_schema(operation_id="get_dataset", responses=DatasetSerializer)
    def get(self, request: Request, dataset_id: UUID) -> Response:
        """The dataset."""
        return _answer(self.dataset(dataset_id))

    @extend_schema(
        operation_id="update_dataset",
        request=DatasetChangesSerializer,
        responses=DatasetSerializer,
    )
    def patch(self, request: Request, dataset_id: UUID) -> Response:
        """Change it; search goes on while workers make vectors or full text anew.

        Until then it keeps its embedding model.
        """
        dataset = self.dataset(dataset_id)
        wanted = checked(DatasetChangesSerializer, request)
        given = _given(wanted)
        language = {name: given.pop(name, "") for name in ("language", "text_search_config")}
        if any(language.values()):
            change_language(dataset, **language, user=self.user)
        update_dataset(dataset, DatasetChanges(**given), self.user)
        _change_ranking(dataset, wanted)
        return _answer(dataset)

    @extend_schema(operation_id="delete_dataset", responses={status.HTTP_204_NO_CONTENT: None})
    def delete(self, request: Request, dataset_id: UUID) -> Response:
        """Delete it with all its documents and segments."""
        delete_dataset(self.dataset(dataset_id))
        return Response(status=status.HTTP_204_NO_CONTENT)


class ModelSerializer(serializers.Serializer[None]):
    """An embedding model of a provider."""

    model = serializers.CharField()
    label = serializers.DictField(child=serializers.CharField())  # type: ignore[assignment]
    model_type = serializers.CharField()
    fetch_from = serializers.CharField()
    status = serializers.CharField()


class ProviderSerializer(serializers.Serializer[None]):
    """A provider of embedding models."""

    provider = serializers.CharField()
    label = serializers.DictField(child=serializers.CharField())  # type: ignore[assignment]
    status = serializers.CharField()
    models = ModelSerializer(many=True)


class ProvidersSerializer(serializers.Serializer[None]):
    """The embedding models that a new dataset may have."""

    data = ProviderSerializer(many=True)  # type: ignore[assignment]  # Dify's name for it


class EmbeddingModelsView(ApiView):
    """The embedding models of the tenant."""

    @extend_schema(operation_id="list_embedding_models", responses=ProvidersSerializer)
    def get(self, request: Request) -> Response:
        """The providers, each with the models whose names are known."""
        providers = models_by_provider(self.tenant.pk).items()
        return Response({"data": [_provider(name, models) for name, models in providers]})


def _provider(name: str, models: list[str]) -> dict[str, Any]:
    shown = [
        {
            "model": model,
            "label": {"en_US": model},
            "model_type": "text-embedding",
            "fetch_from": "predefined-model",
            "status": "active",
        }
        for model in models
    ]
    return {"provider": name, "label": {"en_US": name}, "status": "active", "models": shown}


def _given(checked_body: dict[str, Any]) -> dict[str, Any]:
    """The fields that say something about a dataset, without those that were only refused."""
    known = {field.name for kind in (NewDataset, DatasetChanges) for field in fields(kind)}
    given = {
        name: value for name, value in checked_body.items() if name in known and value is not None
    }
    if model := given.get("retrieval_model"):
        given["retrieval_model"] = {
            name: value
            for name, value in model.items()
            if value is not None and name not in KEPT_BY_DATASET
        }
    return given


def _change_ranking(dataset: Dataset, wanted: dict[str, Any]) -> None:
    """Store the weight and the reranker that were given."""
    model = wanted.get("retrieval_model") or {}
    if "semantic_weight" in wanted:
        set_weight(dataset, wanted["semantic_weight"])
    elif model.get("weights"):
        set_weight(dataset, semantic_weight(model["weights"]))
    if model.get("reranking_enable") is False or model.get("reranking_mode") == "weighted_score":
        set_rerank_model(dataset, RerankModel())
    elif chosen := model.get("reranking_model"):
        provider, name = chosen["reranking_provider_name"], chosen["reranking_model_name"]
        set_rerank_model(dataset, RerankModel(provider, name))


def _answer(dataset: Dataset) -> Response:
    return Response(DatasetSerializer(with_counts(dataset.tenant).get(pk=dataset.pk)).data)
