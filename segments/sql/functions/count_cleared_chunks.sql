-- Counts the done chunks that a statement deletes, so that /metrics keeps them.
-- One insert a statement, whatever the number of chunks.
CREATE OR REPLACE FUNCTION segments_count_cleared_chunks() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO segments_metriccount (name, label, bucket, value)
    SELECT counted.name, counted.label, counted.bucket, sum(counted.value)
    FROM cleared CROSS JOIN LATERAL segments_counts_of_chunk(cleared.seconds) AS counted
    WHERE cleared.status = 'done'
    GROUP BY counted.name, counted.label, counted.bucket;
    RETURN NULL;
END
$$;
