"""What Prometheus is told: read from the tables, so it is right with any number of processes."""

from segments.operations.metrics.exposition import expose

__all__ = ["expose"]
