"""/v1/datasets/ID/retrieve: a question, answered with segments."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from segments.api.serializers.retrieval import (
    RerankingSerializer,
    RetrievalSerializer,
    RetrieveSerializer,
    filter_of,
    records_as_json,
    semantic_weight,
    usual_retrieval_model,
)
from segments.api.views import ApiView, checked
from segments.search import Hit, RerankModel, SearchMethod, search_result
from segments.search.hit_counts import HITS
from segments.services.parents import segments_or_parents

METHODS = {
    "semantic_search": SearchMethod.SEMANTIC,
    "full_text_search": SearchMethod.FULL_TEXT,
    "keyword_search": SearchMethod.FULL_TEXT,
    "hybrid_search": SearchMethod.HYBRID,
}


class RetrieveView(ApiView):
    """Questions about a dataset; hit-testing is another name of it."""

    only_reads = True

    @extend_schema(
        operation_id="retrieve", request=RetrieveSerializer, responses=RetrievalSerializer
    )
    def post(self, request: Request, dataset_id: UUID) -> Response:
        """The segments that answer the question, best first."""
        dataset = self.dataset_to_search(dataset_id)
        wanted = checked(RetrieveSerializer, request)
        own = wanted.get("retrieval_model") or dataset.retrieval_model
        model = {**usual_retrieval_model(), **(own or {})}
        threshold = model["score_threshold"] if model["score_threshold_enabled"] else None
        found = search_result(
            dataset,
            wanted["query"],
            METHODS[model["search_method"]] if dataset.has_vectors else SearchMethod.FULL_TEXT,
            model["top_k"],
            threshold,
            weight=semantic_weight(model["weights"]) if model["weights"] else None,
            rerank=_reranker(model),
            where=filter_of(model, wanted.get("filter")),
        )
        HITS.add(hit.segment_id for hit in found.hits)
        answer = {
            "query": {"content": wanted["query"]},
            "records": _records(found.hits),
            "reranking": RerankingSerializer(found.reranking).data if found.reranking else None,
        }
        return Response(answer)


def _reranker(model: dict[str, Any]) -> RerankModel | None:
    """The reranker that was asked for: an empty one for none, None for the dataset's own."""
    if model["reranking_enable"] is False or model["reranking_mode"] == "weighted_score":
        return RerankModel()
    if chosen := model["reranking_model"]:
        named = RerankModel(chosen["reranking_provider_name"], chosen["reranking_model_name"])
        return named or None
    return None


def _records(hits: list[Hit]) -> list[dict[str, Any]]:
    passages = [hit.segment_id for hit in hits if hit.found is None]
    return records_as_json(hits, segments_or_parents(passages) if passages else {})
