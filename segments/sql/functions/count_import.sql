-- Adds what an import has to count to /metrics when it ends or is deleted, once.
-- A bill that an endpoint sends after the end is added as a difference.
CREATE OR REPLACE FUNCTION segments_count_import() RETURNS trigger LANGUAGE plpgsql AS $$
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
