-- Gives a segment whose text, vector, full-text entry, keywords or metadata change its next version:
-- what an index has of the former one does not count any more. Compared here and not in the trigger's WHEN: a
-- restored dump creates triggers under an empty search path, where vectors have no comparison.
CREATE OR REPLACE FUNCTION segments_draw_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.content IS DISTINCT FROM OLD.content
        OR NEW.answer IS DISTINCT FROM OLD.answer
        OR NEW.search_vector IS DISTINCT FROM OLD.search_vector
        OR NEW.embedding IS DISTINCT FROM OLD.embedding
        OR NEW.keywords IS DISTINCT FROM OLD.keywords
        OR NEW.metadata IS DISTINCT FROM OLD.metadata
    THEN
        NEW.version := nextval('segments_segment_version');
    END IF;
    RETURN NEW;
END
$$;
