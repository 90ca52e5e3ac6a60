-- The time that a text of the metadata means, in seconds since 1970, or null: seconds already, or
-- 2024-05-31, 2024/05/31 or 31.05.2024, with or without 14:30, 14:30:00, Z or +02:00 after it, in
-- UTC if there is no zone. What a filter asks for is read alike by `segments.search.filter_values`.
CREATE OR REPLACE FUNCTION segments_seconds_of(value text) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    found text[];
    number numeric := segments_number_of(value);
    clock CONSTANT text := '(?:[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:(\.[0-9]{1,6})[0-9]*)?)?'
        ' ?(?:Z|([+-])([0-9]{2}):?([0-9]{2})?)?)? *$';
    month date;
    day date;
    away int;
BEGIN
    IF number IS NOT NULL THEN
        RETURN number;
    END IF;
    IF length(value) > 64 THEN
        RETURN NULL;
    END IF;
    found := regexp_match(value, '^ *([0-9]{4})-([0-9]{2})-([0-9]{2})' || clock);
    IF found IS NULL THEN
        found := regexp_match(value, '^ *([0-9]{4})/([0-9]{2})/([0-9]{2})' || clock);
    END IF;
    IF found IS NULL THEN
        found := regexp_match(value, '^ *([0-9]{1,2})\.([0-9]{1,2})\.([0-9]{4})' || clock);
        found := ARRAY[found[3], found[2], found[1]] || found[4:];
    END IF;
    IF found[1] IS NULL OR found[1]::int < 1 OR NOT found[2]::int BETWEEN 1 AND 12
        OR found[3]::int < 1 OR coalesce(found[4]::int, 0) > 23
        OR coalesce(found[5]::int, 0) > 59 OR coalesce(found[6]::int, 0) > 59
    THEN
        RETURN NULL;
    END IF;
    month := make_date(found[1]::int, found[2]::int, 1);
    day := month + found[3]::int - 1;
    IF extract(month FROM day) <> extract(month FROM month) THEN
        RETURN NULL;  -- there is no such day
    END IF;
    away := coalesce(found[9]::int, 0) * 3600 + coalesce(found[10]::int, 0) * 60;
    RETURN (day - date '1970-01-01')::numeric * 86400 + coalesce(found[4]::int, 0) * 3600
        + coalesce(found[5]::int, 0) * 60 + coalesce(found[6]::int, 0)
        + coalesce(('0' || found[7])::numeric, 0)
        - CASE WHEN found[8] = '-' THEN -away ELSE away END;
END
$$;
