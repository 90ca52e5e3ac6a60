"""The admin of segments and imports: one file per noun; views are thin, services do the work."""

from segments.admin.api_keys import ApiKeyAdmin
from segments.admin.audit import AuditEntryAdmin
from segments.admin.datasets import EmbeddedDatasetAdmin, ImportingDocumentAdmin
from segments.admin.imports import ImportJobAdmin
from segments.admin.model_providers import ModelProviderAdmin
from segments.admin.passages import PassageAdmin
from segments.admin.reembeddings import ReembeddingAdmin
from segments.admin.segments import SegmentAdmin
from segments.admin.webhooks import WebhookAdmin, WebhookDeliveryAdmin

__all__ = [
    "ApiKeyAdmin",
    "AuditEntryAdmin",
    "EmbeddedDatasetAdmin",
    "ImportJobAdmin",
    "ImportingDocumentAdmin",
    "ModelProviderAdmin",
    "PassageAdmin",
    "ReembeddingAdmin",
    "SegmentAdmin",
    "WebhookAdmin",
    "WebhookDeliveryAdmin",
]
