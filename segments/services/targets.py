"""The place an import goes to, by the names people use: found, planned, or made."""

from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction

from datasets.exceptions import (
    NAME_CHARS,
    DatasetNotFound,
    DocumentNotFound,
    TenantNotFound,
)
from datasets.languages import checked_language, language_and_configuration, language_name
from datasets.lookup import find_dataset, find_document, find_tenant, is_storable
from datasets.models import (
    Dataset,
    DocForm,
    Document,
    IndexingTechnique,
    Tenant,
)
from segments.exceptions import ImportRefused

NAME_CHARS_SHOWN = 60


@dataclass(frozen=True, slots=True)
class ImportTarget:
    """A place by names. What is left empty is as it is, or the usual for a new one."""

    tenant: str
    dataset: str
    document: str
    doc_form: str = ""
    indexing_technique: str = ""
    language: str = ""
    text_search_config: str = ""
    embedding_provider: str = ""
    embedding_model: str = ""


def find_target(wanted: ImportTarget) -> Document:
    """The document that is wanted.

    Raises:
        NotFound: a part of the way to it is missing.
        ImportRefused: it is there, but of another form or technique than wanted.
    """
    document = find_document(
        find_dataset(find_tenant(wanted.tenant), wanted.dataset), wanted.document
    )
    _refuse_other_kind(wanted, document)
    return document


def plan_target(wanted: ImportTarget, doc_form: DocForm) -> Document:
    """The document that is wanted, or what `create_target` would make of it, unsaved.

    Raises:
        ImportRefused: it is there, but of another form or technique than wanted; or it is not,
            and cannot be named so.
    """
    _refuse_impossible_names(wanted)
    try:
        tenant = find_tenant(wanted.tenant)
    except TenantNotFound:
        tenant = Tenant(name=wanted.tenant)
    try:
        dataset = find_dataset(tenant, wanted.dataset)
    except DatasetNotFound:
        dataset = _new_dataset(tenant, wanted)
    try:
        document = find_document(dataset, wanted.document)
    except DocumentNotFound:
        document = _new_document(dataset, wanted, doc_form)
    _refuse_other_kind(wanted, document)
    return document


@transaction.atomic
def create_target(wanted: ImportTarget, doc_form: DocForm, user: User | None = None) -> Document:
    """The document that is wanted; whatever is missing on the way to it is made, by `user`.

    Two that make the same place at once end up with one: the second waits for the first.

    Raises:
        ImportRefused: as `plan_target` does.
    """
    _refuse_impossible_names(wanted)
    Tenant.objects.bulk_create([Tenant(name=wanted.tenant)], ignore_conflicts=True)
    tenant = Tenant.objects.select_for_update().get(name=wanted.tenant)
    document = plan_target(wanted, doc_form)
    if document.dataset._state.adding:
        document.dataset.tenant = tenant
        document.dataset.created_by = user
        document.dataset.save()
    if document._state.adding:
        document.created_by = user
        document.save()
    return document


def _new_dataset(tenant: Tenant, wanted: ImportTarget) -> Dataset:
    technique = wanted.indexing_technique or IndexingTechnique.HIGH_QUALITY
    has_vectors = technique == IndexingTechnique.HIGH_QUALITY
    provider, model = _model(wanted) if has_vectors else ("", "")
    language, config = language_and_configuration(wanted.language, wanted.text_search_config)
    return Dataset(
        tenant=tenant,
        name=wanted.dataset,
        indexing_technique=technique,
        embedding_model_provider=provider,
        embedding_model=model,
        language=language,
        text_search_config=config,
    )


def _model(wanted: ImportTarget) -> tuple[str, str]:
    """The provider and the model of a new dataset.

    Raises:
        ImportRefused: a provider is named, and none of its models.
    """
    if wanted.embedding_provider and not wanted.embedding_model:
        raise ImportRefused("--embedding-provider needs --embedding-model, too.")
    return (
        wanted.embedding_provider or settings.SEGMILL_EMBEDDING_PROVIDER,
        wanted.embedding_model or settings.SEGMILL_EMBEDDING_MODEL,
    )


def _new_document(dataset: Dataset, wanted: ImportTarget, doc_form: DocForm) -> Document:
    return Document(
        tenant=dataset.tenant,
        dataset=dataset,
        name=wanted.document,
        doc_form=wanted.doc_form or doc_form,
    )


def _refuse_impossible_names(wanted: ImportTarget) -> None:
    names = {"tenant": wanted.tenant, "dataset": wanted.dataset, "document": wanted.document}
    for noun, name in names.items():
        if not name.strip() or len(name) > NAME_CHARS or not is_storable(name):
            raise ImportRefused(
                f"A {noun} cannot be named “{name[:NAME_CHARS_SHOWN]}”. Use a name of 1 to "
                f"{NAME_CHARS} characters that are not all blank."
            )


def _refuse_other_kind(wanted: ImportTarget, document: Document) -> None:
    if wanted.doc_form and wanted.doc_form != document.doc_form:
        raise ImportRefused(
            f"Document “{document.name}” is {document.doc_form}, not {wanted.doc_form}. "
            "Leave --doc-form out, or choose another document."
        )
    technique = document.dataset.indexing_technique
    if wanted.indexing_technique and wanted.indexing_technique != technique:
        raise ImportRefused(
            f"Dataset “{document.dataset.name}” is {technique}, not "
            f"{wanted.indexing_technique}. Leave --indexing-technique out, or choose another "
            "dataset."
        )
    _refuse_other_model(wanted, document.dataset)
    _refuse_other_language(wanted, document.dataset)
    config = document.dataset.text_search_config
    if wanted.text_search_config and wanted.text_search_config != config:
        raise ImportRefused(
            f"Dataset “{document.dataset.name}” has the text search configuration {config}, not "
            f"{wanted.text_search_config}. Leave --text-search-config out, or choose another "
            "dataset."
        )


def _refuse_other_language(wanted: ImportTarget, dataset: Dataset) -> None:
    if wanted.language and checked_language(wanted.language) != dataset.language:
        has = language_name(dataset.language) or "no language yet"
        raise ImportRefused(
            f"Dataset “{dataset.name}” has {has}, not {wanted.language}. Leave --language out, or "
            f"change it: manage.py dataset_language DATASET --language {wanted.language}"
        )


def _refuse_other_model(wanted: ImportTarget, dataset: Dataset) -> None:
    provider, model = dataset.model
    is_other = (wanted.embedding_provider or provider) != provider or (
        wanted.embedding_model or model
    ) != model
    if is_other:
        has = f"has the embedding model {model} of {provider}" if model else "has no vectors"
        raise ImportRefused(
            f"Dataset “{dataset.name}” {has}. Leave --embedding-provider and --embedding-model "
            "out, or change its model: manage.py reembed DATASET --provider … --model …"
        )
