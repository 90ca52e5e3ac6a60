"""Creates and deletes datasets and documents."""

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
from segments.models import Chunk, ImportJob

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
        created_by=user,
    )
    try:
        with transaction.atomic():
            dataset.save(force_insert=True)
    except IntegrityError as error:
        if NAME_ONCE not in str(error):
            raise
        raise DatasetNameTaken from error
    return dataset


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
