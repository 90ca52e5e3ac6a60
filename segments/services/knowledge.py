"""Creates, changes and deletes datasets; creates documents."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from datasets.exceptions import DatasetNameTaken
from datasets.languages import language_and_configuration
from datasets.models import (
    Dataset,
    DocForm,
    Document,
    IndexingTechnique,
    Tenant,
)
from segments.embedding import get_embedder
from segments.exceptions import OptionRefused
from segments.files.types import JSONValue
from segments.models import Chunk, DocumentSegment, ImportJob
from segments.services.reembeddings import change_model, run_in_foreground

NAME_ONCE = "dataset_name_once_per_tenant"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDataset:
    """A dataset that is wanted. What is left empty is the usual."""

    name: str
    description: str = ""
    indexing_technique: str = ""
    embedding_model_provider: str = ""
    embedding_model: str = ""
    language: str = ""
    text_search_config: str = ""
    retrieval_model: Mapping[str, JSONValue] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetChanges:
    """What shall be different about a dataset; None stays as it is."""

    name: str | None = None
    description: str | None = None
    indexing_technique: str | None = None
    embedding_model_provider: str | None = None
    embedding_model: str | None = None
    retrieval_model: Mapping[str, JSONValue] | None = None


def create_dataset(tenant: Tenant, wanted: NewDataset, user: User | None = None) -> Dataset:
    """A new, empty dataset of `tenant`.

    Raises:
        DatasetNameTaken: the tenant has one of that name.
        NoEmbeddingModel: its model is not available.
        LanguageNotFound, TextSearchConfigNotFound: there is none of that name.
    """
    technique = IndexingTechnique(wanted.indexing_technique or IndexingTechnique.HIGH_QUALITY)
    provider, model = (
        _model(tenant, wanted) if technique == IndexingTechnique.HIGH_QUALITY else ("", "")
    )
    language, config = language_and_configuration(wanted.language, wanted.text_search_config)
    dataset = Dataset(
        tenant=tenant,
        name=wanted.name,
        description=wanted.description,
        indexing_technique=technique,
        embedding_model_provider=provider,
        embedding_model=model,
        language=language,
        text_search_config=config,
        retrieval_model=wanted.retrieval_model,
        created_by=user,
    )
    return _saved(dataset)


def update_dataset(dataset: Dataset, changes: DatasetChanges, user: User | None = None) -> None:
    """Change some fields of a dataset; another model is taken once workers have re-embedded it.

    Raises:
        DatasetNameTaken: the tenant has another one of that name.
        OptionRefused: an indexing technique that it cannot be given.
        NoEmbeddingModel, EmbeddingFailed: the model is not available, or does not answer.
        StateConflict: it is being re-embedded already.
    """
    model = _other_model(dataset, changes)
    if model is not None:
        _ = get_embedder(*model, dataset.tenant_id).dimensions  # asked for outside the transaction
    is_filled = DocumentSegment.objects.filter(dataset=dataset).exists()
    fresh = Dataset.objects.get(pk=dataset.pk)
    for name in ("name", "description", "retrieval_model"):
        value = getattr(changes, name)
        if value is not None:
            setattr(fresh, name, value)
    with transaction.atomic():
        _saved(fresh, update_fields=["name", "description", "retrieval_model", "updated_at"])
        order = None
        if model is not None:
            order = change_model(dataset, *model, user=user, background=is_filled)
    if order is not None and not is_filled:
        run_in_foreground(order)


def delete_dataset(dataset: Dataset) -> None:
    """Delete a dataset with all that is in it."""
    dataset.delete()


def create_document(
    dataset: Dataset, name: str, doc_form: DocForm, user: User | None = None
) -> Document:
    """A new, empty document of `dataset`, ready to be filled."""
    return Document.objects.create(
        tenant_id=dataset.tenant_id,
        dataset=dataset,
        name=name,
        doc_form=doc_form,
        created_by=user,
    )


def _saved(dataset: Dataset, **how: Any) -> Dataset:
    """The dataset, saved.

    Raises:
        DatasetNameTaken: another one of the tenant has its name.
    """
    try:
        with transaction.atomic():
            dataset.save(**how)
    except IntegrityError as error:
        if NAME_ONCE not in str(error):
            raise
        raise DatasetNameTaken from error
    return dataset


def _other_model(dataset: Dataset, changes: DatasetChanges) -> tuple[str, str] | None:
    """Provider and name of the model to change to, if it is another one.

    Raises:
        OptionRefused: vectors are to be given up, or a model is named for a dataset without any.
    """
    technique = changes.indexing_technique or dataset.indexing_technique
    if technique == IndexingTechnique.ECONOMY:
        _refuse_economy(dataset, changes)
        return None
    provider = changes.embedding_model_provider or dataset.embedding_model_provider
    model = changes.embedding_model or dataset.embedding_model
    wanted = (
        provider or settings.SEGMILL_EMBEDDING_PROVIDER,
        model or settings.SEGMILL_EMBEDDING_MODEL,
    )
    return None if wanted == dataset.model else wanted


def _refuse_economy(dataset: Dataset, changes: DatasetChanges) -> None:
    if dataset.has_vectors:
        raise OptionRefused(
            "indexing_technique",
            "a dataset keeps its vectors once it has them.",
            "Create an economy dataset and import into it.",
        )
    if changes.embedding_model or changes.embedding_model_provider:
        raise OptionRefused(
            "embedding_model",
            "an economy dataset has none.",
            "Set indexing_technique to high_quality as well.",
        )


def _model(tenant: Tenant, wanted: NewDataset) -> tuple[str, str]:
    """Provider and model.

    Raises:
        NoEmbeddingModel: they are not available.
    """
    provider = wanted.embedding_model_provider or settings.SEGMILL_EMBEDDING_PROVIDER
    model = wanted.embedding_model or settings.SEGMILL_EMBEDDING_MODEL
    get_embedder(provider, model, tenant.pk)
    return provider, model


def lock_in_order(sender: type[Document], instance: Document, **kwargs: Any) -> None:
    """Chunks, imports, the document: called in the transaction that deletes, before it does."""
    jobs = ImportJob.objects.filter(document=instance.pk)
    _lock(Chunk.objects.filter(job__in=jobs).order_by("job_id", "ordinal"))
    _lock(jobs.order_by("pk"))
    _lock(Document.objects.filter(pk=instance.pk))


def _lock(rows: Any) -> None:
    list(rows.select_for_update(of=("self",)))
