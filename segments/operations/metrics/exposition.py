"""The metrics as text, in the format that the asker understands."""

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from segments.operations.metrics.collector import TablesCollector


def expose(accept: str) -> tuple[bytes, str]:
    """The text and its content type, for an `Accept` header."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(TablesCollector())
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type
