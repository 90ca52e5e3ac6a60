"""Metadata of documents: the fields of a dataset, and their values; and tags of datasets."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.db.models import Count, QuerySet
from django.db.models.functions import Now

from datasets.lookup import is_storable
from datasets.models import Dataset, Document, MetadataField, Tag, Tenant
from segments.exceptions import MetadataFieldNotFound, MetadataRefused, NameTaken, TagNotFound
from segments.files.types import JSONScalar

NAME_ONCE, TAG_NAME_ONCE = "metadata_field_name_once", "tag_name_once_per_tenant"
VALUE_CHARS = 10_000
# What every document has without anybody writing it, with the kind of its values.
BUILT_IN = {
    "document_name": MetadataField.Kind.STRING,
    "uploader": MetadataField.Kind.STRING,
    "upload_date": MetadataField.Kind.TIME,
    "last_update_date": MetadataField.Kind.TIME,
    "source": MetadataField.Kind.STRING,
}
RENAME = """
    UPDATE datasets_document
    SET doc_metadata = (doc_metadata - %(old)s) || jsonb_build_object(
        %(new)s::text, doc_metadata -> %(old)s)
    WHERE dataset_id = %(dataset)s AND doc_metadata ? %(old)s
"""
FORGET = """
    UPDATE datasets_document SET doc_metadata = doc_metadata - %(old)s
    WHERE dataset_id = %(dataset)s AND doc_metadata ? %(old)s
"""


@dataclass(frozen=True, slots=True)
class FieldUse:
    """A field of a dataset, and how many of its documents have a value of it."""

    field: MetadataField
    documents: int


@dataclass(frozen=True, slots=True)
class DocumentValues:
    """Values for a document, by the ids of fields; None removes one.

    Fields that are not named lose their values, unless the update `is_partial`.
    """

    document_id: UUID
    values: Mapping[UUID, JSONScalar]
    is_partial: bool = False


def list_fields(dataset: Dataset) -> list[FieldUse]:
    """The dataset's own fields, the oldest first."""
    metadata = Document.objects.filter(dataset=dataset).values_list("doc_metadata", flat=True)
    uses = Counter(name for values in metadata for name in values)
    return [FieldUse(field, uses[field.name]) for field in dataset.metadata_fields.all()]


def create_field(dataset: Dataset, name: str, kind: MetadataField.Kind) -> MetadataField:
    """A new field, of which no document has a value yet.

    Raises:
        NameTaken: the dataset has one of that name, or it is the name of a built-in one.
    """
    _refuse_built_in(name)
    return _saved(MetadataField(dataset=dataset, name=name, kind=kind))


@transaction.atomic
def rename_field(dataset: Dataset, field_id: UUID, name: str) -> MetadataField:
    """Give a field another name; documents keep their values under it.

    Raises:
        MetadataFieldNotFound: the dataset has no such field.
        NameTaken: as `create_field`.
    """
    _refuse_built_in(name)
    field = _find(dataset, field_id)
    old, field.name = field.name, name
    if old != name:
        _saved(field)
        _run(RENAME, dataset=dataset.pk, old=old, new=name)
    return field


@transaction.atomic
def delete_field(dataset: Dataset, field_id: UUID) -> MetadataField:
    """Remove a field with the values that documents have of it; what it was.

    Raises:
        MetadataFieldNotFound: the dataset has no such field.
    """
    field = _find(dataset, field_id)
    MetadataField.objects.filter(pk=field.pk).delete()
    _run(FORGET, dataset=dataset.pk, old=field.name)
    return field


def switch_built_in_fields(dataset: Dataset, *, on: bool) -> None:
    """Show the built-in fields in the metadata of documents, or do not."""
    Dataset.objects.filter(pk=dataset.pk).update(built_in_field_enabled=on, updated_at=Now())


@transaction.atomic
def set_values(dataset: Dataset, updates: Sequence[DocumentValues]) -> None:
    """Give documents their values, all of them or none.

    Raises:
        MetadataRefused: a document is not one of the dataset's, or a value not of its field's kind.
        MetadataFieldNotFound: the dataset lacks a field.
    """
    fields = {field.pk: field for field in dataset.metadata_fields.select_for_update()}
    documents = Document.objects.filter(dataset=dataset).select_for_update(no_key=True)
    ids = sorted(update.document_id for update in updates)
    found = {document.pk: document for document in documents.filter(pk__in=ids).order_by("pk")}
    for update in updates:
        document = found.get(update.document_id)
        if document is None:
            raise MetadataRefused(f"The dataset has no document {update.document_id}.")
        document.doc_metadata = _values(document, update, fields)
        document.save(update_fields=["doc_metadata", "updated_at"])


def built_in_values(document: Document) -> dict[str, JSONScalar]:
    """The values of the built-in fields, by their names; times as seconds since 1970."""
    uploader = document.created_by
    username = uploader.get_username() if uploader else ""
    return built_in_values_of(document.name, username, document.created_at, document.updated_at)


def built_in_values_of(
    name: str, uploader: str, created_at: datetime, updated_at: datetime
) -> dict[str, JSONScalar]:
    """As `built_in_values`, of a document that was read by hand."""
    return {
        "document_name": name,
        "uploader": uploader,
        "upload_date": _seconds(created_at),
        "last_update_date": _seconds(updated_at),
        "source": "file_upload",
    }


def _values(
    document: Document, update: DocumentValues, fields: Mapping[UUID, MetadataField]
) -> dict[str, JSONScalar]:
    values: dict[str, JSONScalar] = dict(document.doc_metadata) if update.is_partial else {}
    for field_id, value in update.values.items():
        field = fields.get(field_id)
        if field is None:
            raise MetadataFieldNotFound(str(field_id))
        values[field.name] = _checked(field, value)
    return {name: value for name, value in values.items() if value is not None}


def _checked(field: MetadataField, value: JSONScalar) -> JSONScalar:
    """`value` as the field keeps it; an empty text is none.

    Raises:
        MetadataRefused: it is not of the field's kind.
    """
    if value is None or value == "":
        return None
    if field.kind == MetadataField.Kind.STRING:
        return _text(field, value)
    return _number(field, value)


def _text(field: MetadataField, value: JSONScalar) -> str:
    text = value if isinstance(value, str) else str(value)
    if len(text) > VALUE_CHARS or not is_storable(text):
        raise MetadataRefused(
            f"{field.name}: a text has at most {VALUE_CHARS:,} characters, none of them NUL."
        )
    return text


def _number(field: MetadataField, value: JSONScalar) -> int | float:
    """A number, as JSON has it or written as text."""
    try:
        number = float(value) if not isinstance(value, bool) and value is not None else None
    except ValueError:
        number = None
    if number is None or not isfinite(number):
        raise MetadataRefused(f"{field.name}: “{value}” is not a {field.kind}. Write a number.")
    return int(number) if number.is_integer() else number


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())


def _find(dataset: Dataset, field_id: UUID) -> MetadataField:
    field = MetadataField.objects.filter(dataset=dataset, pk=field_id).first()
    if field is None:
        raise MetadataFieldNotFound(str(field_id))
    return field


def _refuse_built_in(name: str) -> None:
    if name in BUILT_IN:
        raise NameTaken("Metadata name already exists in Built-in fields.")


def _saved(field: MetadataField) -> MetadataField:
    try:
        with transaction.atomic():
            field.save()
    except IntegrityError as error:
        if NAME_ONCE not in str(error):
            raise
        raise NameTaken("Metadata name already exists.") from error
    return field


def _run(statement: str, **parameters: str | UUID) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)


# --- tags: words that a tenant groups its datasets by ---------------------------------------------


def list_tags(tenant: Tenant) -> QuerySet[Tag]:
    """The tenant's tags by name, each with the number of its datasets as `binding_count`."""
    return Tag.objects.filter(tenant=tenant).annotate(binding_count=Count("datasets"))


def create_tag(tenant: Tenant, name: str) -> Tag:
    """A new tag.

    Raises:
        NameTaken: the tenant has one of that name.
    """
    return _saved_tag(Tag(tenant=tenant, name=name))


def rename_tag(tenant: Tenant, tag_id: UUID, name: str) -> Tag:
    """Give a tag another name; the tag with it.

    Raises:
        TagNotFound: the tenant has no such tag.
        NameTaken: another has the name.
    """
    tag = _find_tag(tenant, tag_id)
    tag.name = name
    return _saved_tag(tag)


def delete_tag(tenant: Tenant, tag_id: UUID) -> None:
    """Remove a tag from all datasets, and itself.

    Raises:
        TagNotFound: the tenant has no such tag.
    """
    _find_tag(tenant, tag_id).delete()


def bind_tags(dataset: Dataset, tag_ids: Iterable[UUID]) -> None:
    """Tag a dataset; one that it has already is fine.

    Raises:
        TagNotFound: its tenant lacks one of the tags; then none is bound.
    """
    dataset.tags.add(*[_find_tag(dataset.tenant, tag_id) for tag_id in tag_ids])


def unbind_tags(dataset: Dataset, tag_ids: Iterable[UUID]) -> None:
    """Take tags from a dataset; one that it does not have is fine.

    Raises:
        TagNotFound: its tenant lacks one of the tags; then all stay.
    """
    dataset.tags.remove(*[_find_tag(dataset.tenant, tag_id) for tag_id in tag_ids])


def _find_tag(tenant: Tenant, tag_id: UUID) -> Tag:
    tag = Tag.objects.filter(tenant=tenant, pk=tag_id).first()
    if tag is None:
        raise TagNotFound(str(tag_id))
    return tag


def _saved_tag(tag: Tag) -> Tag:
    try:
        with transaction.atomic():
            tag.save()
    except IntegrityError as error:
        if TAG_NAME_ONCE not in str(error):
            raise
        raise NameTaken("Tag name already exists") from error
    return tag
