"""What /metrics counts: exact in any number of processes, and kept when imports are deleted."""

from django.db import migrations, models

# Upper bounds of the buckets of all histograms, in seconds: a chunk takes tenths of a second
# with a small model and minutes with a slow endpoint, an import takes up to hours.
COUNTING = """
    CREATE FUNCTION segments_bucket_bounds() RETURNS double precision[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
        SELECT ARRAY[0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 'Infinity']
    $$;

    CREATE FUNCTION segments_bucket(seconds double precision) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
        SELECT min(bound) FROM unnest(segments_bucket_bounds()) AS bound WHERE bound >= seconds
    $$;

    -- What an import has to count at this moment. It only ever grows while the import is open,
    -- so an import may be counted live first and from its last state later.
    CREATE FUNCTION segments_counts_of_import(job segments_importjob)
    RETURNS TABLE (name text, label text, bucket double precision, value double precision)
    LANGUAGE sql STABLE AS $$
        SELECT counted.name, counted.label, 'Infinity'::double precision, counted.value
        FROM (VALUES
            ('rows', 'embedded', job.rows_embedded::double precision),
            ('rows', 'reused', job.rows_reused),
            ('rows', 'created', job.rows_created),
            ('rows', 'updated', job.rows_updated),
            ('rows', 'skipped', job.rows_skipped),
            ('rows', 'deleted', job.rows_deleted),
            ('rows', 'failed', CASE WHEN job.finished_at IS NOT NULL THEN job.rows_failed END),
            ('embedding_requests', '', job.embedding_requests),
            ('embedding_tokens', '', job.embedding_tokens),
            ('embedding_cost', '', job.embedding_cost),
            ('imports_ended', job.status, CASE WHEN job.finished_at IS NOT NULL THEN 1 END)
        ) AS counted (name, label, value)
        WHERE counted.value <> 0
        UNION ALL
        SELECT counted.name, phase.label, counted.bucket, counted.value
        FROM (VALUES
            ('prepare', extract(epoch FROM job.prepared_at - job.started_at)::double precision),
            ('embed', extract(epoch FROM job.embedded_at - job.prepared_at)),
            ('publish', CASE WHEN job.status = 'completed'
                        THEN extract(epoch FROM job.finished_at - job.embedded_at) END)
        ) AS phase (label, seconds)
        CROSS JOIN LATERAL (VALUES
            ('phase_seconds', segments_bucket(phase.seconds), 1.0::double precision),
            ('phase_seconds_sum', 'Infinity', phase.seconds)
        ) AS counted (name, bucket, value)
        WHERE phase.seconds IS NOT NULL
    $$;

    CREATE FUNCTION segments_counts_of_chunk(seconds double precision)
    RETURNS TABLE (name text, label text, bucket double precision, value double precision)
    LANGUAGE sql IMMUTABLE AS $$
        VALUES ('chunk_seconds', 'embed', segments_bucket(seconds), 1.0::double precision),
               ('chunk_seconds_sum', 'embed', 'Infinity', seconds)
    $$;

    CREATE FUNCTION segments_count_import() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'DELETE' THEN
            INSERT INTO segments_metriccount (name, label, bucket, value)
            SELECT * FROM segments_counts_of_import(OLD)
            UNION ALL VALUES ('imports_ended', 'deleted', 'Infinity'::double precision, 1.0);
        ELSIF OLD.finished_at IS NULL THEN
            INSERT INTO segments_metriccount (name, label, bucket, value)
            SELECT * FROM segments_counts_of_import(NEW);
        ELSE  -- an endpoint's bill that came after the end
            INSERT INTO segments_metriccount (name, label, bucket, value)
            SELECT name, label, bucket, sum(value) FROM (
                SELECT * FROM segments_counts_of_import(NEW)
                UNION ALL
                SELECT name, label, bucket, -value FROM segments_counts_of_import(OLD)
            ) AS difference
            GROUP BY name, label, bucket HAVING sum(value) <> 0;
        END IF;
        RETURN NULL;
    END
    $$;
    CREATE TRIGGER import_counted_at_its_end
        AFTER UPDATE OF status, embedding_requests, embedding_tokens ON segments_importjob
        FOR EACH ROW WHEN (
            NEW.finished_at IS NOT NULL AND (
                OLD.finished_at IS NULL
                OR NEW.embedding_requests <> OLD.embedding_requests
                OR NEW.embedding_tokens <> OLD.embedding_tokens))
        EXECUTE FUNCTION segments_count_import();
    CREATE TRIGGER import_counted_when_deleted
        AFTER DELETE ON segments_importjob
        FOR EACH ROW WHEN (OLD.finished_at IS NULL)
        EXECUTE FUNCTION segments_count_import();

    CREATE FUNCTION segments_count_cleared_chunks() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO segments_metriccount (name, label, bucket, value)
        SELECT counted.name, counted.label, counted.bucket, sum(counted.value)
        FROM cleared CROSS JOIN LATERAL segments_counts_of_chunk(cleared.seconds) AS counted
        WHERE cleared.status = 'done'
        GROUP BY counted.name, counted.label, counted.bucket;
        RETURN NULL;
    END
    $$;
    CREATE TRIGGER chunks_counted_when_cleared
        AFTER DELETE ON segments_chunk
        REFERENCING OLD TABLE AS cleared
        FOR EACH STATEMENT EXECUTE FUNCTION segments_count_cleared_chunks();

    CREATE FUNCTION segments_count_retry() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO segments_metriccount (name, label, bucket, value)
        VALUES ('retries', TG_ARGV[0], 'Infinity', 1);
        RETURN NULL;
    END
    $$;
    CREATE TRIGGER prepare_retry_counted
        AFTER UPDATE OF attempts ON segments_importjob
        FOR EACH ROW WHEN (
            NEW.status = 'preparing' AND OLD.attempts >= 1 AND NEW.attempts > OLD.attempts)
        EXECUTE FUNCTION segments_count_retry('prepare');
    CREATE TRIGGER publish_retry_counted
        AFTER UPDATE OF attempts ON segments_importjob
        FOR EACH ROW WHEN (
            NEW.status = 'publishing' AND OLD.attempts >= 1 AND NEW.attempts > OLD.attempts)
        EXECUTE FUNCTION segments_count_retry('publish');
    CREATE TRIGGER chunk_retry_counted
        AFTER UPDATE OF attempts ON segments_chunk
        FOR EACH ROW WHEN (OLD.attempts >= 1 AND NEW.attempts > OLD.attempts)
        EXECUTE FUNCTION segments_count_retry('embed');
"""
NOT_COUNTING = """
    DROP TRIGGER chunk_retry_counted ON segments_chunk;
    DROP TRIGGER publish_retry_counted ON segments_importjob;
    DROP TRIGGER prepare_retry_counted ON segments_importjob;
    DROP FUNCTION segments_count_retry();
    DROP TRIGGER chunks_counted_when_cleared ON segments_chunk;
    DROP FUNCTION segments_count_cleared_chunks();
    DROP TRIGGER import_counted_when_deleted ON segments_importjob;
    DROP TRIGGER import_counted_at_its_end ON segments_importjob;
    DROP FUNCTION segments_count_import();
    DROP FUNCTION segments_counts_of_chunk(double precision);
    DROP FUNCTION segments_counts_of_import(segments_importjob);
    DROP FUNCTION segments_bucket(double precision);
    DROP FUNCTION segments_bucket_bounds();
"""
# Imports of before are counted too.
COUNT_THE_PAST = """
    INSERT INTO segments_metriccount (name, label, bucket, value)
    SELECT counted.name, counted.label, counted.bucket, sum(counted.value)
    FROM segments_importjob AS job CROSS JOIN LATERAL segments_counts_of_import(job) AS counted
    WHERE job.finished_at IS NOT NULL
    GROUP BY counted.name, counted.label, counted.bucket;
"""


class Migration(migrations.Migration):
    dependencies = [("segments", "0015_language_of_segments")]
    operations = [
        migrations.CreateModel(
            name="MetricCount",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=64)),
                ("label", models.CharField(blank=True, default="", max_length=64)),
                ("bucket", models.FloatField()),
                ("value", models.FloatField()),
            ],
        ),
        migrations.RunSQL(COUNTING, NOT_COUNTING),
        migrations.RunSQL(COUNT_THE_PAST, migrations.RunSQL.noop),
    ]
