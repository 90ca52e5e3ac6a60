"""What all views share: the asking tenant, lookups in it alone, checked input."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import Any, TypeVar
from uuid import UUID

from django.contrib.auth.models import User
from django.db import Error
from django.db.models import Model, QuerySet
from django.http import Http404
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework import serializers
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import NotFound, PermissionDenied
from rest_framework.parsers import BaseParser
from rest_framework.permissions import BasePermission
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.schemas.inspectors import ViewInspector
from rest_framework.views import APIView

from datasets.access import Actor, act_as, acting
from datasets.models import Dataset, DocForm, Document, Tenant
from segments.api.auth import SCHEME, BearerAuthentication, HasApiKey
from segments.api.errors import answer_error
from segments.api.parsers import AlwaysJSON, LimitedJSONParser
from segments.api.schema import SchemaWithRefusals
from segments.api.throttling import KeyThrottle
from segments.db import replicas
from segments.models import ApiKey, DocumentSegment, ImportJob, ParentSegment
from segments.services.parents import with_parts

M = TypeVar("M", bound=Model)
READ_DATASET = "SELECT * FROM datasets_dataset WHERE id = %s AND tenant_id = %s"


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the schema describes the keys; found by drf-spectacular when it is imported."""

    target_class = BearerAuthentication
    name = "apiKey"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        """An OpenAPI security scheme."""
        return {"type": "http", "scheme": SCHEME}


class ApiView(APIView):
    """A view that acts for the tenant of the key.

    Everything is looked up through the tenant: what belongs to another one does not exist.
    What it needs of the REST framework it names itself: a project may have an API of its own.
    """

    authentication_classes: Sequence[type[BaseAuthentication]] = (BearerAuthentication,)
    permission_classes: Sequence[type[BasePermission]] = (HasApiKey,)
    throttle_classes = (KeyThrottle,)
    parser_classes: Sequence[type[BaseParser]] = (LimitedJSONParser,)
    renderer_classes = (JSONRenderer,)
    content_negotiation_class = AlwaysJSON
    versioning_class = None
    schema: ViewInspector | None = SchemaWithRefusals()
    only_reads = False
    # Whether a replica may answer what only reads.
    reads_replicas = True
    rate_headers: Mapping[str, str] = MappingProxyType({})

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """The answer; what is done for it, the key's maker does."""
        with acting(None):
            return super().dispatch(request, *args, **kwargs)

    def get_exception_handler(self) -> Callable[[Exception, Mapping[str, Any]], Response]:
        """Errors as Dify's clients read them."""
        return answer_error

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Check who asks, and say who acts and for whom replicas have to know what."""
        super().initial(request, *args, **kwargs)
        if isinstance(request.auth, ApiKey):
            act_as(Actor.of(request.auth.created_by, f"API, key {request.auth.name}"))
        asks = replicas.current()
        if asks is not None and isinstance(request.auth, ApiKey):
            dataset_id = request.auth.dataset_id or kwargs.get("dataset_id")
            asks.asks_for(request.auth.tenant_id, dataset_id, f"key {request.auth.pk}")

    def handle_exception(self, exc: Exception) -> Response:
        """The answer to an error; one of a replica goes to whoever asks the primary instead.

        Raises:
            Error: a replica has failed.
        """
        asks = replicas.current()
        if asks is not None and asks.is_on_replica and isinstance(exc, Error):
            raise exc
        return super().handle_exception(exc)

    def finalize_response(
        self, request: Request, response: Any, *args: Any, **kwargs: Any
    ) -> Response:
        """The answer, with what the key may still ask this minute if there is a limit."""
        final = super().finalize_response(request, response, *args, **kwargs)
        for name, value in self.rate_headers.items():
            final[name] = value
        return final

    @property
    def key(self) -> ApiKey:
        """The key that was shown."""
        key = self.request.auth
        if not isinstance(key, ApiKey):
            raise PermissionDenied("This needs an API key.")
        return key

    @property
    def tenant(self) -> Tenant:
        """The tenant that asks."""
        return self.key.tenant

    @property
    def user(self) -> User | None:
        """The person who made the key, if a person did."""
        return self.key.created_by

    def refuse_one_dataset(self) -> None:
        """Refuse what concerns the whole tenant to a key for one dataset.

        Raises:
            PermissionDenied: it is one.
        """
        if self.key.dataset_id:
            raise PermissionDenied("This key is for one dataset. Use one for the whole tenant.")

    def within(self, objects: QuerySet[M], dataset: str = "dataset") -> QuerySet[M]:
        """Those of the tenant's `objects` that the key reaches; `dataset` leads to theirs."""
        own = objects.filter(tenant=self.key.tenant_id)
        return own.filter(**{dataset: self.key.dataset_id}) if self.key.dataset_id else own

    def dataset(self, dataset_id: UUID) -> Dataset:
        """The tenant's dataset.

        Raises:
            NotFound: it has none of that id.
            PermissionDenied: the dataset is closed to programs.
        """
        datasets = Dataset.objects.select_related("tenant", "created_by")
        datasets = self.within(datasets, "pk")
        return _open(datasets.filter(pk=dataset_id).first())

    def dataset_to_search(self, dataset_id: UUID) -> Dataset:
        """As `dataset`, without what belongs to it: read for every question.

        Raises:
            NotFound, PermissionDenied: as `dataset`.
        """
        if self.key.dataset_id not in (None, dataset_id):
            raise NotFound("Dataset not found.")
        found = Dataset.objects.raw(READ_DATASET, [dataset_id, self.key.tenant_id])
        return _open(next(iter(found), None))

    def document(self, dataset_id: UUID, document_id: UUID) -> Document:
        """The document of the tenant's dataset.

        Raises:
            NotFound, PermissionDenied: as `dataset`, and there is no such document in it.
        """
        dataset = self.dataset(dataset_id)
        documents = Document.objects.select_related("created_by").filter(dataset=dataset)
        document = documents.filter(pk=document_id).first()
        if document is None:
            raise NotFound("Document not found.")
        document.dataset = dataset
        return document

    def segment(self, dataset_id: UUID, document_id: UUID, segment_id: UUID) -> DocumentSegment:
        """The segment of the document.

        Raises:
            NotFound, PermissionDenied: as `document`, and there is no such segment in it.
        """
        document = self.document(dataset_id, document_id)
        segments = DocumentSegment.objects.without_vectors().filter(document=document)
        segment = segments.filter(pk=segment_id).first()
        if segment is None:
            raise NotFound("Segment not found.")
        segment.document = document
        return segment

    def segment_or_parent(
        self, dataset_id: UUID, document_id: UUID, segment_id: UUID
    ) -> DocumentSegment | ParentSegment:
        """The segment of the document; of a hierarchical one the passage, with its parts.

        Raises:
            NotFound, PermissionDenied: as `segment`.
        """
        document = self.document(dataset_id, document_id)
        if document.doc_form != DocForm.HIERARCHICAL:
            return self.segment(dataset_id, document_id, segment_id)
        passages = with_parts(ParentSegment.objects.filter(document=document))
        passage: ParentSegment | None = passages.filter(pk=segment_id).first()
        if passage is None:
            raise NotFound("Segment not found.")
        passage.document = document
        return passage

    def import_job(self, job_id: UUID) -> ImportJob:
        """The tenant's import.

        Raises:
            NotFound: it has none of that id.
            PermissionDenied: its dataset is closed to programs.
        """
        jobs = ImportJob.objects.select_related("document", "dataset__tenant", "created_by")
        job = self.within(jobs).filter(pk=job_id).first()
        if job is None:
            raise NotFound("The job does not exist.")
        if not job.dataset.enable_api:
            raise PermissionDenied("Dataset api access is not enabled.")
        return job


def _open(dataset: Dataset | None) -> Dataset:
    if dataset is None:
        raise NotFound("Dataset not found.")
    if not dataset.enable_api:
        raise PermissionDenied("Dataset api access is not enabled.")
    return dataset


class UnknownPath(ApiView):
    """What an address that is none answers, in the same shape."""

    authentication_classes = ()
    permission_classes = ()
    schema = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse, whatever the method."""
        raise Http404


def checked(serializer: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    """The body of `request`, checked by `serializer`.

    Raises:
        ValidationError: something in it is missing or cannot be used.
    """
    if isinstance(request.data, dict):
        return dict(_shared(serializer).run_validation(request.data))
    body = serializer(data=request.data)
    body.is_valid(raise_exception=True)
    return dict(body.validated_data)


@cache
def _shared(serializer: type[serializers.Serializer[Any]]) -> serializers.Serializer[Any]:
    """One for all requests: checking changes nothing in it, and making it takes milliseconds."""
    return serializer()


def checked_query(
    serializer: type[serializers.Serializer[Any]], request: Request
) -> dict[str, Any]:
    """The query of `request`, checked as `checked` does the body; empty values are values."""
    lists = (serializers.ListField, serializers.MultipleChoiceField)
    several = {name for name, field in serializer().fields.items() if isinstance(field, lists)}
    given = request.query_params.lists()
    query = serializer(
        data={name: values if name in several else values[-1] for name, values in given}
    )
    query.is_valid(raise_exception=True)
    return dict(query.validated_data)
