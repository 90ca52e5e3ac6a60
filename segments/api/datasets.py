"""/v1/datasets: what there is to fill, and a new one."""

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
from rest_framework.request import Request
from rest_framework.response import Response

from datasets.models import Dataset, Document, Tenant
from segments.api.pagination import KeywordQuery, Page, PageQuery, each, page_of
from segments.api.serializers.datasets import (
    DatasetChangeSerializer,
    DatasetSerializer,
    NewDatasetSerializer,
)
from segments.api.serializers.retrieval import semantic_weight
from segments.api.views import ApiView, checked, checked_query
from segments.search import RerankModel
from segments.search.reranking import set_rerank_model
from segments.search.weights import set_weight
from segments.services.knowledge import NewDataset, create_dataset
from segments.services.languages import change_language


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


class DatasetsView(ApiView):
    """The datasets of the tenant."""

    @extend_schema(
        operation_id="list_datasets",
        parameters=[PageQuery, KeywordQuery],
        responses=page_of(DatasetSerializer, "DatasetPage"),
    )
    def get(self, request: Request) -> Response:
        """A page of datasets, the newest first."""
        keyword = checked_query(KeywordQuery, request)["keyword"]
        datasets = with_counts(self.tenant).filter(name__icontains=keyword)
        page = Page.of(request)
        return Response(page.cut(datasets, each(DatasetSerializer)))

    @extend_schema(
        operation_id="create_dataset",
        request=NewDatasetSerializer,
        responses=DatasetSerializer,
    )
    def post(self, request: Request) -> Response:
        """A new, empty dataset."""
        wanted = checked(NewDatasetSerializer, request)
        del wanted["provider"]
        given = {name: value for name, value in wanted.items() if value is not None}
        dataset = create_dataset(self.tenant, NewDataset(**given), self.user)
        return Response(DatasetSerializer(with_counts(self.tenant).get(pk=dataset.pk)).data)


class DatasetView(ApiView):
    """One dataset."""

    @extend_schema(operation_id="get_dataset", responses=DatasetSerializer)
    def get(self, request: Request, dataset_id: UUID) -> Response:
        """The dataset."""
        self.dataset(dataset_id)
        return Response(DatasetSerializer(with_counts(self.tenant).get(pk=dataset_id)).data)

    @extend_schema(
        operation_id="change_dataset", request=DatasetChangeSerializer, responses=DatasetSerializer
    )
    def patch(self, request: Request, dataset_id: UUID) -> Response:
        """Change the language and how the dataset is searched.

        For another language full text is rebuilt in the background while search goes on.
        """
        dataset = self.dataset(dataset_id)
        wanted = checked(DatasetChangeSerializer, request)
        if wanted["language"] or wanted["text_search_config"]:
            change_language(
                dataset, wanted["language"], wanted["text_search_config"], user=self.user
            )
        _change_retrieval(dataset, wanted)
        return Response(DatasetSerializer(with_counts(self.tenant).get(pk=dataset_id)).data)


def _change_retrieval(dataset: Dataset, wanted: dict[str, Any]) -> None:
    """Store the weight and the reranker that were given."""
    model = wanted.get("retrieval_model") or {}
    if "semantic_weight" in wanted:
        set_weight(dataset, wanted["semantic_weight"])
    elif model.get("weights"):
        set_weight(dataset, semantic_weight(model["weights"]))
    if model.get("reranking_enable") is False:
        set_rerank_model(dataset, RerankModel())
    elif chosen := model.get("reranking_model"):
        provider, name = chosen["reranking_provider_name"], chosen["reranking_model_name"]
        set_rerank_model(dataset, RerankModel(provider, name))
