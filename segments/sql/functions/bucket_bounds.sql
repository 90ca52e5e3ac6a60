-- The upper bounds of the buckets of all histograms, in seconds: a chunk takes tenths of a second
-- with a small model and minutes with a slow endpoint, an import takes up to hours.
CREATE OR REPLACE FUNCTION segments_bucket_bounds() RETURNS double precision[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT ARRAY[0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 'Infinity']
$$;
