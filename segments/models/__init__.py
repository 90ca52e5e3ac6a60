"""The tables of segments and imports, one file per noun."""

from segments.models.api_key import ApiKey, ApiKeyRate
from segments.models.budget import EmbeddingBudget, EmbeddingCall, EmbeddingTurn
from segments.models.chunk import Chunk
from segments.models.heartbeat import Heartbeat
from segments.models.import_job import ImportJob
from segments.models.metric_count import MetricCount
from segments.models.model_provider import ModelProvider, ProviderModel
from segments.models.progress_sample import ProgressSample
from segments.models.reembedding import ReembeddedVector, Reembedding
from segments.models.remembered_columns import RememberedColumns
from segments.models.row_error import RowError
from segments.models.segment import DocumentSegment
from segments.models.staging import StagedMatch, StagedRow, StagedVector
from segments.models.upload_file import UploadFile

__all__ = [
    "ApiKey",
    "ApiKeyRate",
    "Chunk",
    "DocumentSegment",
    "EmbeddingBudget",
    "EmbeddingCall",
    "EmbeddingTurn",
    "Heartbeat",
    "ImportJob",
    "MetricCount",
    "ModelProvider",
    "ProgressSample",
    "ProviderModel",
    "ReembeddedVector",
    "Reembedding",
    "RememberedColumns",
    "RowError",
    "StagedMatch",
    "StagedRow",
    "StagedVector",
    "UploadFile",
]
