-- Gives a segment whose text, vector or full-text entry changes its next version: what an index
-- has of the former one does not count any more.
CREATE OR REPLACE FUNCTION segments_draw_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.version := nextval('segments_segment_version');
    RETURN NEW;
END
$$;
