"""The addresses of the API, under /v1/."""

from django.urls import URLPattern, path, re_path
from drf_spectacular.views import SpectacularAPIView
from rest_framework.views import APIView

from segments.api.batch_import import BatchImportStatusView, BatchImportView, BulkView
from segments.api.child_chunks import ChildChunksView, ChildChunkView
from segments.api.datasets import DatasetsView, DatasetView, EmbeddingModelsView
from segments.api.documents import (
    DocumentStatusView,
    DocumentsView,
    DownloadView,
    DownloadZipView,
    IndexingStatusView,
    UploadFileView,
)
from segments.api.events import ImportEventsView, IndexingEventsView
from segments.api.files import BadRowsView, ExportView, SignedFileView, TemplateView, UploadView
from segments.api.imports import (
    CancelView,
    ErrorsView,
    ImportsView,
    ImportView,
    ResumeView,
    RetryView,
    UndoView,
)
from segments.api.mcp import AgentsView
from segments.api.metadata import (
    BuiltInFieldsView,
    BuiltInSwitchView,
    FieldsView,
    FieldView,
    ValuesView,
)
from segments.api.preview import PreviewView
from segments.api.reference import ReferenceView
from segments.api.retrieval import RetrieveView
from segments.api.segments import SegmentHistoryView, SegmentsView, SegmentView
from segments.api.tags import BindTagsView, DatasetTagsView, TagsView, UnbindTagsView
from segments.api.texts import (
    CreateByFileView,
    CreateByTextView,
    DocumentWithFileView,
    UpdateByFileView,
    UpdateByTextView,
)
from segments.api.views import BearerScheme, UnknownPath
from segments.api.webhooks import (
    DeliveriesView,
    RedeliverView,
    SecretView,
    WebhooksView,
    WebhookView,
)

app_name = "segmill"

__all__ = ["BearerScheme"]  # drf-spectacular knows it once it is imported

DATASET = "datasets/<uuid:dataset_id>"
DOCUMENT = f"{DATASET}/documents/<uuid:document_id>"
IMPORT = "imports/<uuid:job_id>"
WEBHOOK = "webhooks/<uuid:webhook_id>"
OPEN = {"authentication_classes": (), "permission_classes": ()}


def both_spellings(folder: str, word: str, view: type[APIView]) -> list[URLPattern]:
    """A view under `word`, and as older clients of Dify spell it, with underscores."""
    older = word.replace("-", "_")
    return [
        path(f"{folder}/{word}", view.as_view(), name=older),
        path(f"{folder}/{older}", view.as_view(schema=None), name=f"{older}_older"),
    ]


urlpatterns = [
    path("schema", SpectacularAPIView.as_view(**OPEN), name="schema"),
    path("docs", ReferenceView.as_view(), name="docs"),
    path("mcp", AgentsView.as_view(), name="mcp"),
    path("files/upload", UploadView.as_view(), name="upload"),
    path("files/linked/<str:token>", SignedFileView.as_view(), name="signed_file"),
    path(
        "workspaces/current/models/model-types/text-embedding",
        EmbeddingModelsView.as_view(),
        name="embedding_models",
    ),
    path("datasets", DatasetsView.as_view(), name="datasets"),
    path("datasets/tags", TagsView.as_view(), name="tags"),
    path("datasets/tags/binding", BindTagsView.as_view(), name="bind_tags"),
    path("datasets/tags/unbinding", UnbindTagsView.as_view(), name="unbind_tags"),
    path(
        "datasets/metadata/built-in",
        BuiltInFieldsView.as_view(schema=None),
        name="all_built_in_fields",
    ),
    path(
        "datasets/batch_import_status/<uuid:job_id>",
        BatchImportStatusView.as_view(),
        name="batch_import_status",
    ),
    path(DATASET, DatasetView.as_view(), name="dataset"),
    path(f"{DATASET}/tags", DatasetTagsView.as_view(), name="dataset_tags"),
    path(f"{DATASET}/metadata", FieldsView.as_view(), name="metadata"),
    path(f"{DATASET}/metadata/built-in", BuiltInFieldsView.as_view(), name="built_in_fields"),
    path(
        f"{DATASET}/metadata/built-in/<str:action>",
        BuiltInSwitchView.as_view(),
        name="switch_built_in_fields",
    ),
    path(f"{DATASET}/metadata/<uuid:field_id>", FieldView.as_view(), name="metadata_field"),
    path(f"{DATASET}/documents", DocumentsView.as_view(), name="documents"),
    path(f"{DATASET}/documents/metadata", ValuesView.as_view(), name="metadata_values"),
    path(f"{DATASET}/documents/download-zip", DownloadZipView.as_view(), name="download_zip"),
    path(
        f"{DATASET}/documents/status/<str:action>",
        DocumentStatusView.as_view(),
        name="document_status",
    ),
    path(
        f"{DATASET}/documents/<str:batch>/indexing-status",
        IndexingStatusView.as_view(),
        name="indexing_status",
    ),
    path(
        f"{DATASET}/documents/<str:batch>/indexing-events",
        IndexingEventsView.as_view(),
        name="indexing_events",
    ),
    path(DOCUMENT, DocumentWithFileView.as_view(), name="document"),
    path(f"{DOCUMENT}/download", DownloadView.as_view(), name="document_download"),
    path(f"{DOCUMENT}/upload-file", UploadFileView.as_view(), name="document_upload_file"),
    path(f"{DATASET}/retrieve", RetrieveView.as_view(), name="retrieve"),
    path(f"{DATASET}/hit-testing", RetrieveView.as_view(schema=None), name="hit_testing"),
    path(f"{DOCUMENT}/segments", SegmentsView.as_view(), name="segments"),
    path(f"{DOCUMENT}/segments/<uuid:segment_id>", SegmentView.as_view(), name="segment"),
    path(
        f"{DOCUMENT}/segments/<uuid:segment_id>/history",
        SegmentHistoryView.as_view(),
        name="segment_history",
    ),
    path(
        f"{DOCUMENT}/segments/<uuid:segment_id>/child_chunks",
        ChildChunksView.as_view(),
        name="child_chunks",
    ),
    path(
        f"{DOCUMENT}/segments/<uuid:segment_id>/child_chunks/<uuid:child_chunk_id>",
        ChildChunkView.as_view(),
        name="child_chunk",
    ),
    path(f"{DOCUMENT}/segments/batch_import", BatchImportView.as_view(), name="batch_import"),
    path(f"{DOCUMENT}/segments/bulk", BulkView.as_view(), name="bulk"),
    path(f"{DOCUMENT}/segments/preview", PreviewView.as_view(), name="preview"),
    path(f"{DOCUMENT}/segments/export", ExportView.as_view(), name="export"),
    path("templates", TemplateView.as_view(), name="templates"),
    path("imports", ImportsView.as_view(), name="imports"),
    path(IMPORT, ImportView.as_view(), name="import"),
    path(f"{IMPORT}/events", ImportEventsView.as_view(), name="import_events"),
    path(f"{IMPORT}/cancel", CancelView.as_view(), name="cancel"),
    path(f"{IMPORT}/retry", RetryView.as_view(), name="retry"),
    path(f"{IMPORT}/resume", ResumeView.as_view(), name="resume"),
    path(f"{IMPORT}/undo", UndoView.as_view(), name="undo"),
    path(f"{IMPORT}/bad_rows", BadRowsView.as_view(), name="bad_rows"),
    path(f"{IMPORT}/errors", ErrorsView.as_view(), name="errors"),
    *both_spellings(f"{DATASET}/document", "create-by-text", CreateByTextView),
    *both_spellings(f"{DATASET}/document", "create-by-file", CreateByFileView),
    *both_spellings(DOCUMENT, "update-by-text", UpdateByTextView),
    *both_spellings(DOCUMENT, "update-by-file", UpdateByFileView),
    path("webhooks", WebhooksView.as_view(), name="webhooks"),
    path(WEBHOOK, WebhookView.as_view(), name="webhook"),
    path(f"{WEBHOOK}/secret", SecretView.as_view(), name="webhook_secret"),
    path(f"{WEBHOOK}/deliveries", DeliveriesView.as_view(), name="deliveries"),
    path(
        f"{WEBHOOK}/deliveries/<uuid:delivery_id>/redeliver",
        RedeliverView.as_view(),
        name="redeliver",
    ),
    re_path("^", UnknownPath.as_view()),
]
