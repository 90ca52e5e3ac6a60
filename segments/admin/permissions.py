"""Things of a tenant, for who may see or change them."""

from typing import TypeVar
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest
from django.shortcuts import get_object_or_404

from datasets.models import Dataset, Document
from datasets.tenant_admin import access_of
from segments.models import ImportJob, Reembedding

T = TypeVar("T", Dataset, Document, ImportJob, Reembedding)


def visible_or_404(request: HttpRequest, things: QuerySet[T], key: UUID) -> T:
    """The one of `things`, for somebody who may see it.

    Raises:
        Http404: there is none, or the user may not even see it.
    """
    return get_object_or_404(access_of(request).visible(things), pk=key)


def editable_or_refused(request: HttpRequest, things: QuerySet[T], key: UUID) -> T:
    """The one of `things`, for somebody who may do something with it.

    Raises:
        Http404: there is none, or the user may not even see it.
        PermissionDenied: the user may only see it.
    """
    thing = visible_or_404(request, things, key)
    if not access_of(request).may_edit(thing.tenant_id):
        raise PermissionDenied
    return thing
