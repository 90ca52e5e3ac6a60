"""Search by meaning: the segments with the vectors nearest to the question's."""

from django.db import DataError
from django.db.models import F
from pgvector.django import CosineDistance

from datasets.models import Dataset
from segments.embedding import Embedder, embedder_of
from segments.exceptions import SearchRefused
from segments.models import DocumentSegment
from segments.search.fusion import Ranked

MODEL = ("embedding_model_provider", "embedding_model")


def semantic_ranking(dataset: Dataset, question: str, limit: int) -> list[Ranked]:
    """The nearest segments, best first; the score is the cosine similarity (−1 to 1).

    Exact: every vector of the dataset is compared, none is missed. There is deliberately no
    approximate index: imports would have to maintain it row by row.
    A question over the model's token limit is cut after the last whole word that fits (a
    passage never is); one that means nothing to the model finds nothing.

    Raises:
        SearchRefused: the dataset's vectors are not from its model.
        NoEmbeddingModel, EmbeddingFailed: the model is not available, or failed.
    """
    while not (found := _nearest(dataset, question, limit)) and _has_changed_model(dataset):
        dataset.refresh_from_db(fields=MODEL)
    if found is None:
        raise SearchRefused(
            f"The vectors of dataset “{dataset.name}” are not from its model "
            f"“{dataset.embedding_model}”. Re-embed it, or search with method full_text."
        )
    return found


def _nearest(dataset: Dataset, question: str, limit: int) -> list[Ranked] | None:
    """The nearest segments; empty if the dataset has another model by now.

    One statement sees the dataset's model and its vectors at the same moment, so a question is
    never compared with vectors of another model. None if they cannot be compared at all.
    """
    embedder = embedder_of(dataset)
    (vector,) = embedder.embed_query(within_limit(embedder, question))
    if not vector.any():
        return []
    nearest = (
        DocumentSegment.objects.searchable()
        .filter(tenant=dataset.tenant_id, dataset=dataset, embedding__isnull=False)
        .filter(**{f"dataset__{name}": getattr(dataset, name) for name in MODEL})
        .annotate(distance=CosineDistance("embedding", vector))
        .order_by("distance", "position", "id")
        .values_list("id", 1.0 - F("distance"))
    )
    try:
        return [Ranked(*found) for found in nearest[:limit]]
    except DataError:  # pgvector refuses to compare different dimensions
        return None


def _has_changed_model(dataset: Dataset) -> bool:
    """Whether the dataset's model has changed since the dataset was read."""
    now = Dataset.objects.filter(pk=dataset.pk).values(*MODEL).first()
    return now is not None and now != {name: getattr(dataset, name) for name in MODEL}


def within_limit(embedder: Embedder, question: str) -> str:
    """As many whole words from the start of `question` as the model accepts."""
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
