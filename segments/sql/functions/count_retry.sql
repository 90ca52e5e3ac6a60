-- Counts one more retry of the phase that the trigger names.
CREATE OR REPLACE FUNCTION segments_count_retry() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO segments_metriccount (name, label, bucket, value)
    VALUES ('retries', TG_ARGV[0], 'Infinity', 1);
    RETURN NULL;
END
$$;
