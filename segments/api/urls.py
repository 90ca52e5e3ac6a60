"""The addresses of the API, under /v1/."""

from django.urls import path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from segments.api.batch_import import BatchImportStatusView, BatchImportView
from segments.api.datasets import DatasetsView, DatasetView
from segments.api.documents import DocumentsView
from segments.api.files import BadRowsView, ExportView, TemplateView, UploadView
from segments.api.imports import (
    CancelView,
    ErrorsView,
    ImportsView,
    ImportView,
    ResumeView,
    RetryView,
    UndoView,
)
from segments.api.preview import PreviewView
from segments.api.retrieval import RetrieveView
from segments.api.views import BearerScheme, UnknownPath

app_name = "segmill"

__all__ = ["BearerScheme"]  # drf-spectacular knows it once it is imported

DATASET = "datasets/<uuid:dataset_id>"
DOCUMENT = f"{DATASET}/documents/<uuid:document_id>"
IMPORT = "imports/<uuid:job_id>"
OPEN = {"authentication_classes": (), "permission_classes": ()}

urlpatterns = [
    path("schema", SpectacularAPIView.as_view(**OPEN), name="schema"),
    path("docs", SpectacularSwaggerView.as_view(url_name="segmill:schema", **OPEN), name="docs"),
    path("files/upload", UploadView.as_view(), name="upload"),
    path("datasets", DatasetsView.as_view(), name="datasets"),
    path(
        "datasets/batch_import_status/<uuid:job_id>",
        BatchImportStatusView.as_view(),
        name="batch_import_status",
    ),
    path(DATASET, DatasetView.as_view(), name="dataset"),
    path(f"{DATASET}/documents", DocumentsView.as_view(), name="documents"),
    path(f"{DATASET}/retrieve", RetrieveView.as_view(), name="retrieve"),
    path(f"{DATASET}/hit-testing", RetrieveView.as_view(schema=None), name="hit_testing"),
    path(f"{DOCUMENT}/segments/batch_import", BatchImportView.as_view(), name="batch_import"),
    path(f"{DOCUMENT}/segments/preview", PreviewView.as_view(), name="preview"),
    path(f"{DOCUMENT}/segments/export", ExportView.as_view(), name="export"),
    path("templates", TemplateView.as_view(), name="templates"),
    path("imports", ImportsView.as_view(), name="imports"),
    path(IMPORT, ImportView.as_view(), name="import"),
    path(f"{IMPORT}/cancel", CancelView.as_view(), name="cancel"),
    path(f"{IMPORT}/retry", RetryView.as_view(), name="retry"),
    path(f"{IMPORT}/resume", ResumeView.as_view(), name="resume"),
    path(f"{IMPORT}/undo", UndoView.as_view(), name="undo"),
    path(f"{IMPORT}/bad_rows", BadRowsView.as_view(), name="bad_rows"),
    path(f"{IMPORT}/errors", ErrorsView.as_view(), name="errors"),
    re_path("^", UnknownPath.as_view()),
]
