-- The full-text entry of a segment, in the text search configuration of its dataset.
--
-- `search_text` is NULL where the text is enough; `+` and words to add to the text; or `=` and
-- what stands in its place (`segments.languages.analysis`).
--
-- Declared immutable so that a generated column may use it: its result changes only if somebody
-- alters a text search configuration, which calls for a new index anyway. PL/pgSQL because a
-- function in SQL would be checked against the volatility of what it calls.
CREATE OR REPLACE FUNCTION segments_full_text(
    configuration text, content text, answer text, search_text text)
RETURNS tsvector LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    IF search_text IS NULL THEN
        RETURN to_tsvector(configuration::regconfig, content || ' ' || coalesce(answer, ''));
    ELSIF starts_with(search_text, '=') THEN
        RETURN to_tsvector(configuration::regconfig, substr(search_text, 2));
    END IF;
    RETURN to_tsvector(configuration::regconfig,
        content || ' ' || coalesce(answer, '') || ' ' || substr(search_text, 2));
END
$$;
