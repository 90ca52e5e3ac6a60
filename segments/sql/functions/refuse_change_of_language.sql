-- Refuses another text search configuration for a dataset that has segments: their full-text
-- entries are in one language. An import that publishes locks its dataset's row, so a change that
-- waited for it sees its segments here.
CREATE OR REPLACE FUNCTION segments_refuse_change_of_language() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM segments_documentsegment WHERE dataset_id = OLD.id) THEN
        RAISE EXCEPTION 'the segments of dataset % are indexed as %',
                OLD.id, OLD.text_search_config
            USING ERRCODE = 'check_violation', CONSTRAINT = 'dataset_language_of_segments';
    END IF;
    RETURN NEW;
END
$$;
