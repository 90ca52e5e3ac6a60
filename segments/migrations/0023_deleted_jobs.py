"""Metrics are summed from imports and re-embeddings themselves; deleted ones leave a row behind."""

from decimal import Decimal

from django.db import migrations, models

STOP_COUNTING = """
    DROP TRIGGER reembedding_counted_when_deleted ON segments_reembedding;
    DROP TRIGGER chunk_retry_counted ON segments_chunk;
    DROP TRIGGER publish_retry_counted ON segments_importjob;
    DROP TRIGGER prepare_retry_counted ON segments_importjob;
    DROP TRIGGER chunks_counted_when_cleared ON segments_chunk;
    DROP TRIGGER import_counted_when_deleted ON segments_importjob;
    DROP TRIGGER import_counted_at_its_end ON segments_importjob;
    DROP FUNCTION segments_count_reembedding();
    DROP FUNCTION segments_counts_of_reembedding(segments_reembedding);
    DROP FUNCTION segments_count_retry();
    DROP FUNCTION segments_count_cleared_chunks();
    DROP FUNCTION segments_count_import();
    DROP FUNCTION segments_counts_of_chunk(double precision);
    DROP FUNCTION segments_counts_of_import(segments_importjob);
    DROP FUNCTION segments_bucket(double precision);
    DROP FUNCTION segments_bucket_bounds();
"""

# What an import had done stays counted after it was deleted: Prometheus takes a counter that
# falls for a restart, and would count everything again.
KEEP_IMPORT = """
    CREATE FUNCTION segments_keep_deleted_import() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO segments_deletedjob (
            status,
            started_at, prepared_at, embedded_at, finished_at,
            rows_failed, rows_embedded, rows_reused,
            rows_created, rows_updated, rows_skipped, rows_deleted,
            embedding_requests, embedding_tokens, embedding_cost)
        VALUES (
            CASE WHEN OLD.finished_at IS NULL THEN 'deleted' ELSE OLD.status END,
            OLD.started_at, OLD.prepared_at, OLD.embedded_at, OLD.finished_at,
            OLD.rows_failed, OLD.rows_embedded, OLD.rows_reused,
            OLD.rows_created, OLD.rows_updated, OLD.rows_skipped, OLD.rows_deleted,
            OLD.embedding_requests, OLD.embedding_tokens, OLD.embedding_cost);
        RETURN NULL;
    END
    $$;
    CREATE TRIGGER deleted_import_is_kept
        AFTER DELETE ON segments_importjob
        FOR EACH ROW EXECUTE FUNCTION segments_keep_deleted_import();
"""

# The same for what a re-embedding asked of its endpoint.
KEEP_REEMBEDDING = """
    CREATE FUNCTION segments_keep_deleted_reembedding() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO segments_deletedjob (embedding_requests, embedding_tokens, embedding_cost)
        VALUES (OLD.embedding_requests, OLD.embedding_tokens, OLD.embedding_cost);
        RETURN NULL;
    END
    $$;
    CREATE TRIGGER deleted_reembedding_is_kept
        AFTER DELETE ON segments_reembedding
        FOR EACH ROW EXECUTE FUNCTION segments_keep_deleted_reembedding();
"""


def count():
    """A number, zero where the trigger does not give it."""
    return models.PositiveBigIntegerField(db_default=0)


def moment():
    """A time that there may not have been."""
    return models.DateTimeField(null=True)


class Migration(migrations.Migration):
    dependencies = [("segments", "0022_text_key")]
    operations = [
        migrations.RunSQL(STOP_COUNTING),
        migrations.DeleteModel("MetricCount"),
        migrations.CreateModel(
            name="DeletedJob",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("status", models.CharField(blank=True, db_default="", max_length=16)),
                ("started_at", moment()),
                ("prepared_at", moment()),
                ("embedded_at", moment()),
                ("finished_at", moment()),
                ("rows_failed", count()),
                ("rows_embedded", count()),
                ("rows_reused", count()),
                ("rows_created", count()),
                ("rows_updated", count()),
                ("rows_skipped", count()),
                ("rows_deleted", count()),
                ("embedding_requests", count()),
                ("embedding_tokens", count()),
                (
                    "embedding_cost",
                    models.DecimalField(db_default=Decimal(0), decimal_places=10, max_digits=20),
                ),
            ],
        ),
        migrations.RunSQL(KEEP_IMPORT),
        migrations.RunSQL(KEEP_REEMBEDDING),
    ]
