"""Texts and files as documents: create-by-text, create-by-file, update-by-text, update-by-file."""

import json
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.parsers import FormParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from datasets.models import Dataset, DocForm, Document
from segments.api.batch_import import body_of
from segments.api.documents import DocumentView, document_answer
from segments.api.serializers.documents import DocumentAnswerSerializer
from segments.api.serializers.texts import (
    CHANGED_FILE_FORM,
    NEW_FILE_FORM,
    ChangedFileSerializer,
    ChangedTextSerializer,
    NewFileSerializer,
    NewTextSerializer,
    form_of,
    options_of,
)
from segments.api.views import ApiView, checked
from segments.exceptions import OptionRefused
from segments.services import texts
from segments.services.documents import rename_document
from segments.services.knowledge import DatasetChanges, update_dataset
from segments.uploads import received_file, refuse_large_body


class CreateByTextView(ApiView):
    """A text as a new document."""

    @extend_schema(
        operation_id="create_document_by_text",
        request=NewTextSerializer,
        responses=DocumentAnswerSerializer,
    )
    def post(self, request: Request, dataset_id: UUID) -> Response:
        """Make a document of a text: workers cut it into segments. Poll `indexing-status`."""
        dataset = self.dataset(dataset_id)
        wanted = checked(NewTextSerializer, request)
        _take_options(dataset, wanted, self)
        options = options_of(wanted)
        if earlier := wanted["original_document_id"]:
            document = self.document(dataset_id, earlier)
            refilled = texts.refill_from_text(document, wanted["text"], options, self.user)
            return document_answer(rename_document(refilled, wanted["name"]))
        form = form_of(wanted)
        made = texts.create_from_text(
            dataset, wanted["name"], wanted["text"], options, form, self.user
        )
        return document_answer(made)


class UpdateByTextView(ApiView):
    """Another text for a document."""

    @extend_schema(
        operation_id="update_document_by_text",
        request=ChangedTextSerializer,
        responses=DocumentAnswerSerializer,
    )
    def post(self, request: Request, dataset_id: UUID, document_id: UUID) -> Response:
        """Replace its segments by those of another text; what stays the same keeps its id."""
        document = self.document(dataset_id, document_id)
        wanted = checked(ChangedTextSerializer, request)
        text = wanted["text"]
        _refuse_other_form(document, wanted)
        if text is not None:
            if not wanted["name"]:
                raise ValidationError("name is required when text is provided")
            document = texts.refill_from_text(document, text, options_of(wanted), self.user)
        elif wanted["process_rule"]:
            raise ValidationError({"text": "A process rule is for a text. Send the text, too."})
        return document_answer(rename_document(document, wanted["name"]))


class CreateByFileView(ApiView):
    """A file as a new document."""

    parser_classes = (MultiPartParser, FormParser)

    @extend_schema(
        operation_id="create_document_by_file",
        request=NEW_FILE_FORM,
        responses=DocumentAnswerSerializer,
    )
    def post(self, request: Request, dataset_id: UUID) -> Response:
        """Make a document of a PDF, DOCX, HTML, Markdown or text file, or a table.

        `data` is JSON, as text.
        """
        dataset = self.dataset(dataset_id)
        refuse_large_body(request)
        wanted = _data_of(request, NewFileSerializer)
        file = received_file(request)
        _take_options(dataset, wanted, self)
        options, name = options_of(wanted), wanted["name"] or file.name or ""
        if earlier := wanted["original_document_id"]:
            document = self.document(dataset_id, earlier)
            _refuse_other_form(document, wanted)
            refilled = texts.refill_from_file(document, file, file.name or "", options, self.user)
            return document_answer(rename_document(refilled, name))
        form = form_of(wanted)
        made = texts.create_from_file(dataset, file, file.name or "", options, form, self.user)
        return document_answer(rename_document(made, name))


class UpdateByFileView(ApiView):
    """Another file for a document."""

    parser_classes = (MultiPartParser, FormParser)

    @extend_schema(
        operation_id="update_document_by_file",
        request=CHANGED_FILE_FORM,
        responses=DocumentAnswerSerializer,
    )
    def post(self, request: Request, dataset_id: UUID, document_id: UUID) -> Response:
        """Replace its segments by those of another file; what stays the same keeps its id."""
        return _update_by_file(self, request, self.document(dataset_id, document_id))


class DocumentWithFileView(DocumentView):
    """One document, whose file can be replaced as newer clients of Dify do it."""

    parser_classes = (MultiPartParser, FormParser)

    @extend_schema(
        operation_id="patch_document",
        request=CHANGED_FILE_FORM,
        responses=DocumentAnswerSerializer,
    )
    def patch(self, request: Request, dataset_id: UUID, document_id: UUID) -> Response:
        """The same as `update-by-file`."""
        return _update_by_file(self, request, self.document(dataset_id, document_id))


def _update_by_file(view: ApiView, request: Request, document: Document) -> Response:
    refuse_large_body(request)
    wanted = _data_of(request, ChangedFileSerializer)
    _refuse_other_form(document, wanted)
    if request.FILES:
        file, options = received_file(request), options_of(wanted)
        document = texts.refill_from_file(document, file, file.name or "", options, view.user)
    return document_answer(rename_document(document, wanted["name"]))


def _data_of(request: Request, serializer: type[Any]) -> dict[str, Any]:
    """The options of a form: JSON in the field `data`.

    Raises:
        ParseError: it is not JSON.
        ValidationError: an option cannot be used.
    """
    try:
        data = json.loads(body_of(request).get("data") or "{}")
    except (ValueError, RecursionError, TypeError) as broken:
        raise ParseError("data: this is not JSON.") from broken
    options = serializer(data=data)
    options.is_valid(raise_exception=True)
    return dict(options.validated_data)


def _take_options(dataset: Dataset, wanted: dict[str, Any], view: ApiView) -> None:
    """Options of the dataset that come with a document: refused, unless they are what it has.

    A way to retrieve is taken over by a dataset that has none of its own yet.

    Raises:
        OptionRefused: the dataset has another model, technique or way.
    """
    for name in ("indexing_technique", "embedding_model", "embedding_model_provider"):
        value, own = wanted[name], getattr(dataset, name)
        if value and value != own:
            raise OptionRefused(
                name, f"the dataset has “{own}”.", "Leave it out, or change the dataset."
            )
    given = wanted["retrieval_model"]
    way = {name: value for name, value in (given or {}).items() if value is not None}
    if way and dataset.retrieval_model not in (None, way):
        raise OptionRefused(
            "retrieval_model",
            "the dataset has another one.",
            "Leave it out, or change the dataset.",
        )
    if way and dataset.retrieval_model is None:
        update_dataset(dataset, DatasetChanges(retrieval_model=way), view.user)


def _refuse_other_form(document: Document, wanted: dict[str, Any]) -> None:
    """Raises OptionRefused: the document is of another form."""
    rule = wanted["process_rule"]
    if rule and rule["mode"] == "hierarchical" and document.doc_form != DocForm.HIERARCHICAL:
        raise OptionRefused(
            "process_rule", f"the document is {document.doc_form}.", "Use the mode custom."
        )
    if wanted["doc_form"] and wanted["doc_form"] != document.doc_form:
        raise OptionRefused("doc_form", f"the document is {document.doc_form}.", "Leave it out.")
