-- A full-text entry with its dataset as one more word, for the index `segment_full_text`.
--
-- A full-text index (GIN) intersects the rows of several words quickly, so the dataset is one of
-- them, by its id. The word contains a blank, as no word of a text does, and exists only in the
-- index, not in the row. btree_gin would do the same for a column of its own, but not every server
-- has it.
CREATE OR REPLACE FUNCTION segments_full_text_of_dataset(entry tsvector, dataset uuid)
RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN entry || array_to_tsvector(ARRAY['dataset ' || dataset::text]);
