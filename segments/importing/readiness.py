"""Whether a document takes segments now."""

from datasets.models import Dataset, Document, IndexingStatus
from datasets.text_search import checked_text_search_config
from segments.embedding import embedder_of
from segments.exceptions import DocumentNotAvailable, NoEmbeddingModel
from segments.importing.options import ImportOptions
from segments.models.import_job import EmbedWhen


def check_place(document: Document, options: ImportOptions | None = None) -> int | None:
    """Refuse a document that takes no segments now; else its vectors' dimensions, if known.

    The model is asked for them, if it has to be, unless the options have it embed later.

    Raises:
        DocumentNotAvailable: it is disabled, archived, or not completely indexed.
        NoEmbeddingModel: its dataset is high_quality without a model that is to be had.
        TextSearchConfigNotFound: the database server does not know its dataset's language.
    """
    if not document.enabled:
        raise DocumentNotAvailable(document.name, "it is disabled", "Enable it first.")
    if document.archived:
        raise DocumentNotAvailable(document.name, "it is archived", "Take it out of the archive.")
    if document.indexing_status != IndexingStatus.COMPLETED:
        why = f"its indexing status is “{document.indexing_status}”"
        raise DocumentNotAvailable(document.name, why, "Wait until it is “completed”.")
    checked_text_search_config(document.dataset.text_search_config)
    return _dimensions(document.dataset, options or ImportOptions())


def _dimensions(dataset: Dataset, options: ImportOptions) -> int | None:
    if not dataset.has_vectors:
        return None
    if not dataset.embedding_model or not dataset.embedding_model_provider:
        raise NoEmbeddingModel(
            f"Dataset “{dataset.name}” is high_quality, but has no embedding model. "
            "Choose one for it, or make it economy."
        )
    embedder = embedder_of(dataset)
    return None if options.embed == EmbedWhen.LATER else embedder.dimensions
