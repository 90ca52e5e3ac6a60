"""Reranking: the best hits of a search, put into the order of a model that reads them all."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from datasets.exceptions import SegmillError
from datasets.models import Dataset
from segments.embedding.rerank import RerankModel, find_reranker
from segments.search.hits import Hit

logger = logging.getLogger(__name__)

# What is right and not among so many hits is hardly worth its cost: a pair is read per hit.
CANDIDATES = 50


@dataclass(frozen=True, slots=True)
class Reranking:
    """What became of a reranking; `reason` says why not, where it was not."""

    model: RerankModel
    is_done: bool
    reason: str = ""

    def as_json(self) -> dict[str, Any]:
        """The fields for JSON."""
        return {
            "provider": self.model.provider,
            "model": self.model.model,
            "reranked": self.is_done,
            "reason": self.reason,
        }


def rerank_model_of(dataset: Dataset) -> RerankModel:
    """The dataset's own reranker, or none."""
    return RerankModel(dataset.rerank_provider, dataset.rerank_model)


def set_rerank_model(dataset: Dataset, model: RerankModel) -> None:
    """Give the dataset a reranker; an empty one for none.

    Raises:
        NoRerankModel, CredentialsUnreadable: it does not exist, or cannot be used.
    """
    if model:
        find_reranker(model, dataset.tenant_id)
    dataset.rerank_provider = model.provider if model else ""
    dataset.rerank_model = model.model if model else ""
    dataset.save(update_fields=["rerank_provider", "rerank_model"])


def reranked(
    dataset: Dataset, question: str, hits: Sequence[Hit], model: RerankModel
) -> tuple[list[Hit], Reranking]:
    """`hits` in the order of the reranker, with its scores; the old ones if it fails.

    Hits that the reranker leaves out are left out. It never raises for a reranker's sake.
    """
    try:
        reranker = find_reranker(model, dataset.tenant_id)
        scores = reranker.scores(question, [_text(hit) for hit in hits]) if hits else {}
    except SegmillError as trouble:
        logger.warning("not reranked: %s", trouble)
        return list(hits), Reranking(model, is_done=False, reason=str(trouble))
    ordered = sorted(scores.items(), key=lambda scored: -scored[1])
    best = [replace(hits[place], score=score) for place, score in ordered]
    return best, Reranking(model, is_done=True)


def _text(hit: Hit) -> str:
    return f"{hit.content}\n{hit.answer}" if hit.answer else hit.content
