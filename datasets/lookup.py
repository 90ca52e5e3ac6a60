"""Finding tenants, datasets and documents by the names people use, never across tenants."""

from uuid import UUID

from datasets.exceptions import AmbiguousName, DatasetNotFound, DocumentNotFound, TenantNotFound
from datasets.models import Dataset, Document, Tenant

# Names compared for “did you mean”; more would only slow the answer down.
NAMES_COMPARED = 1_000
IDS_LISTED = 10


def find_tenant(name: str) -> Tenant:
    """The tenant with that name.

    Raises:
        TenantNotFound: with similar names.
    """
    tenant = Tenant.objects.filter(name=name).first() if is_storable(name) else None
    if tenant is None:
        known = Tenant.objects.values_list("name", flat=True)[:NAMES_COMPARED]
        raise TenantNotFound(name, list(known))
    return tenant


def find_dataset(tenant: Tenant, name: str) -> Dataset:
    """The tenant's dataset with that name or id.

    Raises:
        DatasetNotFound: with similar names.
    """
    datasets = Dataset.objects.select_related("tenant").filter(tenant=tenant)
    found = datasets.filter(name=name).first() if is_storable(name) else None
    if found is None and (identifier := as_uuid(name)):
        found = datasets.filter(pk=identifier).first()
    if found is None:
        known = datasets.values_list("name", flat=True)[:NAMES_COMPARED]
        raise DatasetNotFound(name, list(known))
    return found


def find_document(dataset: Dataset, name: str) -> Document:
    """The dataset's document with that name or id.

    Raises:
        DocumentNotFound: with similar names.
        AmbiguousName: several documents have the name; the message lists their ids.
    """
    documents = Document.objects.select_related("dataset", "tenant").filter(dataset=dataset)
    named = list(documents.filter(name=name)[: IDS_LISTED + 1]) if is_storable(name) else []
    if len(named) > 1:
        raise AmbiguousName(name, [str(document.pk) for document in named], IDS_LISTED)
    if named:
        return named[0]
    identifier = as_uuid(name)
    found = documents.filter(pk=identifier).first() if identifier else None
    if found is None:
        known = documents.values_list("name", flat=True)[:NAMES_COMPARED]
        raise DocumentNotFound(name, list(known))
    return found


def is_storable(text: str) -> bool:
    """Whether PostgreSQL can store `text`: it accepts neither NUL nor lone surrogates."""
    try:
        return b"\0" not in text.encode()
    except UnicodeEncodeError:  # a lone surrogate, as in a command line that is not UTF-8
        return False


def as_uuid(text: str) -> UUID | None:
    """The id that `text` spells, or None."""
    try:
        return UUID(text)
    except ValueError:
        return None
