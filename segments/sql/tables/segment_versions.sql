-- Numbers the versions of segments. Never with a cache: a session that has drawn numbers ahead
-- would use them later, below a watermark that a builder of an index has taken meanwhile.
CREATE SEQUENCE IF NOT EXISTS segments_segment_version AS bigint CACHE 1;
