-- The histogram bucket, named by its upper bound, that a duration falls into.
CREATE OR REPLACE FUNCTION segments_bucket(seconds double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT min(bound) FROM unnest(segments_bucket_bounds()) AS bound WHERE bound >= seconds
$$;
