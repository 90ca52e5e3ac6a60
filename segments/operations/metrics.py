"""Metrics for Prometheus, read from the tables, so any number of processes report the same."""

import logging
import platform
from collections.abc import Iterator, Mapping
from datetime import timedelta
from itertools import accumulate
from typing import Any

import django
from django.db import connection
from django.db.models import Avg, Count, F, QuerySet, Sum
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from segments.db.errors import broker_errors
from segments.db.pgvector import installed_version
from segments.indexing import upkeep
from segments.jobs import heartbeats, queue
from segments.models import Chunk, ImportJob, IndexGeneration
from segments.models.import_job import OPEN_STATUSES, ChunkStatus, ImportStatus
from segments.models.indexing import IndexStatus
from segments.models.job import FINAL_STATUSES
from segments.operations.claimable import KINDS, find_claimable

logger = logging.getLogger(__name__)

ROW_OUTCOMES = ("created", "updated", "skipped", "deleted", "failed", "embedded", "reused")
BILLED = {
    "requests": "Requests to embedding endpoints, without those of searches",
    "tokens": "Tokens that embedding endpoints billed for them",
    "cost": "Their cost by the models' prices",
}
SUMMED = (*(f"rows_{name}" for name in ROW_OUTCOMES), *(f"embedding_{name}" for name in BILLED))
ENDS = (*FINAL_STATUSES, "deleted")
PHASES = ("prepare", "embed", "publish")
# Seconds: a small model embeds a file at once, a slow endpoint takes hours.
BOUNDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600)

# All jobs there ever were. Deleting a job moves its row from the first of these to the second, so
# one statement sees each job once, and no sum falls.
SUMS = f"""
    SELECT status, count(*), {", ".join(f"sum({column})" for column in SUMMED)}
    FROM (
        SELECT status, {", ".join(SUMMED)} FROM segments_importjob
        UNION ALL
        SELECT status, {", ".join(SUMMED)} FROM segments_deletedjob
        UNION ALL
        SELECT '', {"0, " * len(ROW_OUTCOMES)} embedding_requests, embedding_tokens, embedding_cost
        FROM segments_reembedding
    ) AS job
    GROUP BY status
"""
TIMES = "status, started_at, prepared_at, embedded_at, finished_at"
DURATIONS = f"""
    SELECT phase, width_bucket(duration, %(bounds)s), count(*), sum(duration)
    FROM (
        SELECT {TIMES} FROM segments_importjob UNION ALL SELECT {TIMES} FROM segments_deletedjob
    ) AS job
    CROSS JOIN LATERAL (VALUES
        ('prepare', prepared_at - started_at),
        ('embed', embedded_at - prepared_at),
        ('publish', CASE WHEN status = 'completed' THEN finished_at - embedded_at END)
    ) AS took (phase, duration)
    WHERE duration IS NOT NULL
    GROUP BY 1, 2
"""


class TablesCollector(Collector):
    """Reads everything from the tables for each scrape."""

    def collect(self) -> Iterator[Metric]:
        """Versions, current gauges, and counters since the installation began."""
        yield _versions()
        yield _open_imports()
        yield _retries()
        yield _chunk_seconds()
        yield from _queue()
        yield _heartbeats()
        yield from _indexes()
        yield from _counters()
        yield _phase_seconds()


def _versions() -> Metric:
    names = ["python", "django", "postgresql", "pgvector"]
    family = GaugeMetricFamily("segmill_versions", "1, with the versions in use", labels=names)
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        (server,) = cursor.fetchone()
        pgvector = installed_version(cursor)
    found = [platform.python_version(), django.__version__, server.split()[0], pgvector]
    family.add_metric(found, 1)
    return family


def _open_imports() -> Metric:
    counted = ImportJob.objects.open().order_by().values_list("status").annotate(Count("pk"))
    statuses = dict.fromkeys(OPEN_STATUSES, 0) | dict(counted)
    text = "Imports that have not ended, by state"
    family = GaugeMetricFamily("segmill_imports", text, labels=["status"])
    for status, count in statuses.items():
        family.add_metric([str(status)], count)
    return family


def _queue() -> Iterator[Metric]:
    text = "Jobs with work that no worker has claimed yet"
    jobs = GaugeMetricFamily("segmill_queue_jobs", text, labels=["kind"])
    text = "How long the oldest of them has waited; 0 if there are none"
    age = GaugeMetricFamily("segmill_queue_age_seconds", text, labels=["kind"])
    found = find_claimable()
    for kind in KINDS:
        waited = [each.since for each in found if each.kind is kind]
        jobs.add_metric([kind.noun], len(waited))
        age.add_metric([kind.noun], max(waited, default=0.0))
    yield from (jobs, age)
    try:
        messages = queue.messages_waiting()
    except broker_errors() as trouble:
        logger.warning("the broker does not say how long its queue is: %s", trouble)
    else:
        if messages is not None:
            yield GaugeMetricFamily("segmill_broker_messages", "Messages in the broker", messages)


def _indexes() -> Iterator[Metric]:
    vectors, size = upkeep.total_vectors()
    yield GaugeMetricFamily("segmill_index_vectors", "Vectors in the indexes of datasets", vectors)
    yield GaugeMetricFamily("segmill_index_bytes", "What the indexes take on the disk", size)
    builds = IndexGeneration.objects.exclude(status=IndexStatus.COMPLETED).order_by()
    statuses = {status: 0 for status in IndexStatus if status != IndexStatus.COMPLETED}
    text = "Builds of indexes that wait, run, or were the last of their dataset and ended badly"
    family = GaugeMetricFamily("segmill_index_builds", text, labels=["status"])
    for status, count in (
        statuses | dict(builds.values_list("status").annotate(Count("pk")))
    ).items():
        family.add_metric([str(status)], count)
    yield family
    text = "How far a build of an index is in its present step, 0 to 1"
    family = GaugeMetricFamily("segmill_index_build_fraction", text, labels=["dataset"])
    for build in builds.filter(status=IndexStatus.BUILDING):
        family.add_metric([str(build.dataset_id)], build.fraction)
    yield family


def _heartbeats() -> Metric:
    family = GaugeMetricFamily(
        "segmill_heartbeat_age_seconds",
        "Time since a machine's workers last took a task, and since the reaper last ran",
        labels=["name"],
    )
    for name, age in heartbeats.ages().items():
        family.add_metric([name], age)
    return family


def _retries() -> Metric:
    jobs, chunks = (
        ImportJob.objects.open().filter(attempts__gt=1),
        Chunk.objects.filter(attempts__gt=1),
    )
    family = GaugeMetricFamily(
        "segmill_retries",
        "Retries of imports in progress: preparing, chunks, publishing",
        labels=["phase"],
    )
    family.add_metric(["prepare"], _later_tries(jobs.filter(status=ImportStatus.PREPARING)))
    family.add_metric(["embed"], _later_tries(chunks))
    family.add_metric(["publish"], _later_tries(jobs.filter(status=ImportStatus.PUBLISHING)))
    return family


def _later_tries(tried: QuerySet[Any]) -> int:
    tries: int = tried.order_by().aggregate(later=Sum(F("attempts") - 1, default=0))["later"]
    return tries


def _chunk_seconds() -> Metric:
    done = Chunk.objects.filter(status=ChunkStatus.DONE)
    average = done.aggregate(seconds=Avg("seconds", default=0.0))["seconds"]
    text = "Average time to embed a chunk, over imports in progress; 0 without any"
    return GaugeMetricFamily("segmill_chunk_seconds", text, average)


def _counters() -> Iterator[Metric]:
    """Totals of imports and re-embeddings, including deleted ones."""
    ended, sums = dict.fromkeys(ENDS, 0), dict.fromkeys(SUMMED, 0.0)
    for status, count, *found in _rows(SUMS):
        if status in ended:
            ended[status] = count
        for column, value in zip(SUMMED, found, strict=True):
            # Bad rows count once the import has ended: until then it may read its file again.
            if column != "rows_failed" or status in FINAL_STATUSES:
                sums[column] += float(value)
    yield _counter("imports_ended", "Imports that have ended or were deleted", "status", ended)
    rows = {name: sums[f"rows_{name}"] for name in ROW_OUTCOMES}
    yield _counter("rows", "Rows of imports by outcome", "outcome", rows)
    for name, text in BILLED.items():
        yield CounterMetricFamily(f"segmill_embedding_{name}", text, sums[f"embedding_{name}"])


def _counter(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    family = CounterMetricFamily(f"segmill_{name}", text, labels=[label])
    for value, count in values.items():
        family.add_metric([str(value)], count)
    return family


def _phase_seconds() -> Metric:
    counts = {phase: [0] * (len(BOUNDS) + 1) for phase in PHASES}
    seconds = dict.fromkeys(PHASES, 0.0)
    durations = [timedelta(seconds=bound) for bound in BOUNDS]
    for phase, bucket, count, total in _rows(DURATIONS, {"bounds": durations}):
        counts[phase][bucket] = count
        seconds[phase] += total.total_seconds()
    text = "How long each phase of an import took"
    family = HistogramMetricFamily("segmill_phase_seconds", text, labels=["phase"])
    bounds = [*(f"{bound:g}" for bound in BOUNDS), "+Inf"]
    for phase in PHASES:
        buckets = list(zip(bounds, accumulate(counts[phase]), strict=True))
        family.add_metric([phase], buckets, seconds[phase])
    return family


def _rows(statement: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def expose(accept: str) -> tuple[bytes, str]:
    """The text and its content type, for an `Accept` header."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(TablesCollector())
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type
