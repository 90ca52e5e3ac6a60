"""Everything that was ever counted, in one statement: of ended imports and of those at work.

An import is counted live while it is open and by a trigger's rows from its end on; both change
in one commit, so one statement sees it exactly once and no counter ever falls.
"""

from collections import defaultdict
from dataclasses import dataclass, field

from django.db import connection

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


HISTOGRAMS = ("phase_seconds", "chunk_seconds")


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
    if histogram not in HISTOGRAMS:
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
