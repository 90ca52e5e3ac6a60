"""The tables of segments and imports, one file per noun."""

from segments.models.api import ApiKey, UploadFile
from segments.models.audit import AuditEntry
from segments.models.curation import SearchJudgement, SegmentChange
from segments.models.embedding import (
    EmbeddingBudget,
    EmbeddingCall,
    EmbeddingTurn,
    ModelProvider,
    ProviderModel,
    ReembeddedVector,
    Reembedding,
)
from segments.models.import_job import Chunk, ImportJob
from segments.models.indexing import IndexGeneration
from segments.models.operations import DeletedJob, Heartbeat, ProgressSample
from segments.models.parent import ParentSegment
from segments.models.rebuild import FullTextRebuild
from segments.models.segment import DocumentSegment
from segments.models.staging import (
    RememberedColumns,
    RowError,
    StagedMatch,
    StagedParent,
    StagedRow,
    StagedVector,
)
from segments.models.webhook import Webhook, WebhookDelivery

__all__ = [
    "ApiKey",
    "AuditEntry",
    "Chunk",
    "DeletedJob",
    "DocumentSegment",
    "EmbeddingBudget",
    "EmbeddingCall",
    "EmbeddingTurn",
    "FullTextRebuild",
    "Heartbeat",
    "ImportJob",
    "IndexGeneration",
    "ModelProvider",
    "ParentSegment",
    "ProgressSample",
    "ProviderModel",
    "ReembeddedVector",
    "Reembedding",
    "RememberedColumns",
    "RowError",
    "SearchJudgement",
    "SegmentChange",
    "StagedMatch",
    "StagedParent",
    "StagedRow",
    "StagedVector",
    "UploadFile",
    "Webhook",
    "WebhookDelivery",
]
