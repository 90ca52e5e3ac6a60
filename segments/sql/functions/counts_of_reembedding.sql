-- What a re-embedding has to count at this moment: what its endpoint was asked and billed for.
CREATE OR REPLACE FUNCTION segments_counts_of_reembedding(work segments_reembedding)
RETURNS TABLE (name text, label text, bucket double precision, value double precision)
LANGUAGE sql IMMUTABLE AS $$
    VALUES ('embedding_requests', '', 'Infinity'::double precision,
            work.embedding_requests::double precision),
           ('embedding_tokens', '', 'Infinity', work.embedding_tokens),
           ('embedding_cost', '', 'Infinity', work.embedding_cost)
$$;
