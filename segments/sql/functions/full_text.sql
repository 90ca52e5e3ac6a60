-- The full-text entry of a segment, in the text search configuration of its dataset.
--
-- Declared immutable so that a generated column may use it: its result changes only if a text
-- search configuration is altered, which requires a new index anyway. PL/pgSQL because a
-- function in SQL would be checked against the volatility of what it calls.
CREATE OR REPLACE FUNCTION segments_full_text(configuration text, content text, answer text)
RETURNS tsvector LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN to_tsvector(configuration::regconfig, content || ' ' || coalesce(answer, ''));
END
$$;
