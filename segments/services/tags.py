"""Tags: words that a tenant groups its datasets by."""

from collections.abc import Iterable
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Count, QuerySet

from datasets.models import Dataset, Tag, Tenant
from segments.exceptions import NameTaken, TagNotFound

NAME_ONCE = "tag_name_once_per_tenant"


def list_tags(tenant: Tenant) -> QuerySet[Tag]:
    """The tenant's tags by name, each with the number of its datasets as `binding_count`."""
    return Tag.objects.filter(tenant=tenant).annotate(binding_count=Count("datasets"))


def create_tag(tenant: Tenant, name: str) -> Tag:
    """A new tag.

    Raises:
        NameTaken: the tenant has one of that name.
    """
    return _saved(Tag(tenant=tenant, name=name))


def rename_tag(tenant: Tenant, tag_id: UUID, name: str) -> Tag:
    """Give a tag another name; the tag with it.

    Raises:
        TagNotFound: the tenant has no such tag.
        NameTaken: another has the name.
    """
    tag = _find(tenant, tag_id)
    tag.name = name
    return _saved(tag)


def delete_tag(tenant: Tenant, tag_id: UUID) -> None:
    """Remove a tag from all datasets, and itself.

    Raises:
        TagNotFound: the tenant has no such tag.
    """
    _find(tenant, tag_id).delete()


def bind_tags(dataset: Dataset, tag_ids: Iterable[UUID]) -> None:
    """Tag a dataset; one that it has already is fine.

    Raises:
        TagNotFound: its tenant lacks one of the tags; then none is bound.
    """
    dataset.tags.add(*[_find(dataset.tenant, tag_id) for tag_id in tag_ids])


def unbind_tags(dataset: Dataset, tag_ids: Iterable[UUID]) -> None:
    """Take tags from a dataset; one that it does not have is fine.

    Raises:
        TagNotFound: its tenant lacks one of the tags; then all stay.
    """
    dataset.tags.remove(*[_find(dataset.tenant, tag_id) for tag_id in tag_ids])


def _find(tenant: Tenant, tag_id: UUID) -> Tag:
    tag = Tag.objects.filter(tenant=tenant, pk=tag_id).first()
    if tag is None:
        raise TagNotFound(str(tag_id))
    return tag


def _saved(tag: Tag) -> Tag:
    try:
        with transaction.atomic():
            tag.save()
    except IntegrityError as error:
        if NAME_ONCE not in str(error):
            raise
        raise NameTaken("Tag name already exists") from error
    return tag
