-- What an import has to count at this moment. It only grows while the import is open, so an
-- import may be counted live first and from its last state later.
CREATE OR REPLACE FUNCTION segments_counts_of_import(job segments_importjob)
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
