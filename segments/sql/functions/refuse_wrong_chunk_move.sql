-- Refuses a move of a chunk that is not one of its arrows.
CREATE OR REPLACE FUNCTION segments_refuse_wrong_chunk_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'chunk % of import % cannot go from % to %',
        OLD.ordinal, OLD.job_id, OLD.status, NEW.status
        USING ERRCODE = 'check_violation', CONSTRAINT = 'chunk_moves_along_its_arrows';
END
$$;
