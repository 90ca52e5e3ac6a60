"""Metrics for Prometheus, read from the tables, so any number of processes report the same."""

import logging
import platform
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import django
from django.db import connection
from django.db.models import Count
from django_q.brokers import get_broker
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from redis.exceptions import RedisError

from segments.db.pgvector import installed_version
from segments.jobs import heartbeats
from segments.models import ImportJob
from segments.models.import_job import FINAL_STATUSES, OPEN_STATUSES
from segments.operations.claimable import find_claimable

TOTALS = """
    SELECT name, label, bucket, sum(value) FROM (
        SELECT name, label, bucket, value FROM segments_metriccount
        UNION ALL
        SELECT counted.*
        FROM segments_importjob AS job
        CROSS JOIN LATERAL segments_counts_of_import(job) AS counted
        WHERE job.status IN ('preparing', 'embedding', 'publishing', 'interrupted')
        UNION ALL
        SELECT counted.*
        FROM segments_chunk AS chunk
        CROSS JOIN LATERAL segments_counts_of_chunk(chunk.seconds) AS counted
        WHERE chunk.status = 'done'
        UNION ALL
        SELECT counted.*
        FROM segments_reembedding AS work
        CROSS JOIN LATERAL segments_counts_of_reembedding(work) AS counted
    ) AS counted
    GROUP BY name, label, bucket
"""
# Whoever else does this at the same moment finds these rows gone, and adds up none of them.
SUM_UP = """
    WITH gone AS (DELETE FROM segments_metriccount RETURNING name, label, bucket, value)
    INSERT INTO segments_metriccount (name, label, bucket, value)
    SELECT name, label, bucket, sum(value) FROM gone GROUP BY name, label, bucket
"""
MANY = "SELECT count(*) > %s FROM (SELECT FROM segments_metriccount LIMIT %s + 1) AS found"
# An ended import adds some 15 rows; a thousand are read in a millisecond.
MOST_ROWS = 1_000


@dataclass(slots=True)
class Histogram:
    """How many took up to each bound, each counted once, and how long all of them together."""

    counts: dict[float, float] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass(slots=True)
class Totals:
    """Counters and histograms, each by name and label."""

    counters: dict[str, dict[str, float]] = field(default_factory=lambda: defaultdict(dict))
    histograms: dict[str, dict[str, Histogram]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(Histogram))
    )


HISTOGRAM_BOUNDS = ("phase_seconds", "chunk_seconds")


def read_totals() -> Totals:
    """The sums of all that was counted until now."""
    totals = Totals()
    with connection.cursor() as cursor:
        cursor.execute(TOTALS)
        for name, label, bucket, value in cursor.fetchall():
            _add(totals, name, label, bucket, value)
    return totals


def _add(totals: Totals, name: str, label: str, bucket: float, value: float) -> None:
    histogram = name.removesuffix("_sum")
    if histogram not in HISTOGRAM_BOUNDS:
        totals.counters[name][label] = value
    elif histogram == name:
        totals.histograms[histogram][label].counts[bucket] = value
    else:
        totals.histograms[histogram][label].seconds = value


def bucket_bounds() -> list[float]:
    """The upper bounds of all histograms' buckets, the last one infinite."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT segments_bucket_bounds()")
        bounds: list[float] = cursor.fetchone()[0]
        return bounds


def sum_up_if_many() -> bool:
    """Keep reading cheap: many rows become one for each thing counted. Whether that was done."""
    with connection.cursor() as cursor:
        cursor.execute(MANY, [MOST_ROWS, MOST_ROWS])
        are_many: bool = cursor.fetchone()[0]
        if are_many:
            cursor.execute(SUM_UP)
    return are_many


logger = logging.getLogger(__name__)

PHASES = ("prepare", "embed", "publish")
OUTCOMES = ("created", "updated", "skipped", "deleted", "failed", "embedded", "reused")
ENDS = (*FINAL_STATUSES, "deleted")
# Name, labels there are from the start, the label's name, and the help that Prometheus shows.
COUNTERS = (
    ("imports_ended", ENDS, "status", "Imports that have ended, or were deleted before their end"),
    ("rows", OUTCOMES, "outcome", "Rows of imports by what became of them"),
    ("retries", PHASES, "phase", "Tries after the first of preparing, of a chunk, of publishing"),
    ("embedding_requests", ("",), "", "Requests to embedding endpoints, but those of searches"),
    ("embedding_tokens", ("",), "", "Tokens that embedding endpoints billed for them"),
    ("embedding_cost", ("",), "", "What these cost by the models' prices"),
)
HISTOGRAMS = (
    ("phase_seconds", PHASES, "How long each phase of an import took"),
    ("chunk_seconds", ("embed",), "How long embedding a chunk took its worker"),
)


class TablesCollector(Collector):
    """Reads everything anew for each scrape."""

    def collect(self) -> Iterator[Metric]:
        """Versions, gauges of this moment, and counters since the installation began."""
        yield _versions()
        yield _open_imports()
        yield from _queue()
        yield _heartbeats()
        totals, bounds = read_totals(), bucket_bounds()
        for name, labels, label_name, text in COUNTERS:
            yield _counter(
                name, dict.fromkeys(labels, 0.0) | totals.counters[name], label_name, text
            )
        for name, labels, text in HISTOGRAMS:
            found = totals.histograms[name]
            yield _histogram(name, {label: found[label] for label in labels}, bounds, text)


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
    text = "Imports that have not ended, by where they stand"
    family = GaugeMetricFamily("segmill_imports", text, labels=["status"])
    for status, count in statuses.items():
        family.add_metric([str(status)], count)
    return family


def _queue() -> Iterator[Metric]:
    waiting = [found.since for found in find_claimable()]
    yield GaugeMetricFamily(
        "segmill_queue_imports", "Imports with work that no worker has taken yet", len(waiting)
    )
    yield GaugeMetricFamily(
        "segmill_queue_age_seconds",
        "How long the oldest of them has waited; 0 without any",
        max(waiting, default=0.0),
    )
    try:
        messages = get_broker().queue_size()
    except RedisError as trouble:
        logger.warning("the broker does not say how long its queue is: %s", trouble)
    else:
        yield GaugeMetricFamily("segmill_broker_messages", "Messages in the broker", messages)


def _heartbeats() -> Metric:
    family = GaugeMetricFamily(
        "segmill_heartbeat_age_seconds",
        "Since a machine's workers took a task, and since the reaper looked",
        labels=["name"],
    )
    for name, age in heartbeats.ages().items():
        family.add_metric([name], age)
    return family


def _counter(name: str, values: Mapping[str, float], label_name: str, text: str) -> Metric:
    labels = [label_name] if label_name else []
    family = CounterMetricFamily(f"segmill_{name}", text, labels=labels)
    for label, value in values.items():
        family.add_metric([str(label)] if label_name else [], value)
    return family


def _histogram(name: str, found: Mapping[str, Histogram], bounds: list[float], text: str) -> Metric:
    family = HistogramMetricFamily(f"segmill_{name}", text, labels=["phase"])
    for label, histogram in found.items():
        so_far, buckets = 0.0, []
        for bound in bounds:
            so_far += histogram.counts.get(bound, 0.0)
            buckets.append((_shown(bound), so_far))
        family.add_metric([label], buckets, histogram.seconds)
    return family


def _shown(bound: float) -> str:
    return "+Inf" if bound == float("inf") else f"{bound:g}"


def expose(accept: str) -> tuple[bytes, str]:
    """The text and its content type, for an `Accept` header."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(TablesCollector())
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type
