-- The number that a text of the metadata reads as, or null. What a filter asks for is read alike
-- by `segments.search.filter_values`.
CREATE OR REPLACE FUNCTION segments_number_of(value text) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
    IF length(value) <= 64
        AND value ~ '^ *[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})? *$'
    THEN
        RETURN value::numeric;
    END IF;
    RETURN NULL;
END
$$;
