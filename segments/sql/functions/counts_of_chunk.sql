-- What a done chunk has to count.
CREATE OR REPLACE FUNCTION segments_counts_of_chunk(seconds double precision)
RETURNS TABLE (name text, label text, bucket double precision, value double precision)
LANGUAGE sql IMMUTABLE AS $$
    VALUES ('chunk_seconds', 'embed', segments_bucket(seconds), 1.0::double precision),
           ('chunk_seconds_sum', 'embed', 'Infinity', seconds)
$$;
