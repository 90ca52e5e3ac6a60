"""Search by meaning: the segments whose vectors point where the question's does."""

from django.db import DataError
from django.db.models import F
from pgvector.django import CosineDistance

from datasets.models import Dataset
from segments.embedding import Embedder, embedder_of
from segments.exceptions import SearchRefused
from segments.models import DocumentSegment
from segments.search.ranking import Ranked


def semantic_ranking(dataset: Dataset, question: str, limit: int) -> list[Ranked]:
    """The nearest segments, best first; the score is the cosine similarity (−1 to 1).

    Exact: every vector of the dataset is compared, none is missed. There is deliberately no
    approximate index, for it would have to be kept row by row during imports.
    A question over the model's token limit is cut at the last whole word that fits (a passage
    never is); one without any meaning to the model finds nothing.

    Raises:
        SearchRefused: the dataset's vectors are not those of its model.
        NoEmbeddingModel, EmbeddingFailed: the model is not to be had, or failed.
    """
    embedder = embedder_of(dataset)
    (vector,) = embedder.embed_query(within_limit(embedder, question))
    if not vector.any():
        return []
    nearest = (
        DocumentSegment.objects.searchable()
        .filter(tenant=dataset.tenant_id, dataset=dataset, embedding__isnull=False)
        .annotate(distance=CosineDistance("embedding", vector))
        .order_by("distance", "position", "id")
        .values_list("id", 1.0 - F("distance"))
    )
    try:
        return [Ranked(*found) for found in nearest[:limit]]
    except DataError as mismatch:  # pgvector refuses to compare different dimensions
        raise SearchRefused(
            f"Dataset “{dataset.name}” has vectors of another model than its own "
            f"“{dataset.embedding_model}”. Embed it anew, or search with method full_text."
        ) from mismatch


def within_limit(embedder: Embedder, question: str) -> str:
    """As many whole words of `question`, from its start, as the model takes."""
    if embedder.count_tokens(question) <= embedder.token_limit:
        return question
    words = question.split()
    fits, too_many = 0, len(words)
    while too_many - fits > 1:
        middle = (fits + too_many) // 2
        if embedder.count_tokens(" ".join(words[:middle])) <= embedder.token_limit:
            fits = middle
        else:
            too_many = middle
    return " ".join(words[:fits])
