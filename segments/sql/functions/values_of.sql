-- The values that metadata has under a name, as texts, each once: one, or the items of a list.
-- Null if there are none: null, empty texts and empty lists are no values.
CREATE OR REPLACE FUNCTION segments_values_of(metadata jsonb, name text) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    value jsonb := metadata -> name;
BEGIN
    IF value IS NULL THEN
        RETURN NULL;
    END IF;
    IF jsonb_typeof(value) <> 'array' THEN
        RETURN CASE WHEN value NOT IN ('null', '""', '{}') THEN ARRAY[value #>> '{}'] END;
    END IF;
    RETURN (
        SELECT array_agg(DISTINCT item #>> '{}') FROM jsonb_array_elements(value) AS item
        WHERE item NOT IN ('null', '""', '[]', '{}')
    );
END
$$;
