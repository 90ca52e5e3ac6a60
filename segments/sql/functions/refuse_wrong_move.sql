-- Refuses a move of an import that is not one of its arrows.
CREATE OR REPLACE FUNCTION segments_refuse_wrong_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'import % cannot go from % to %', OLD.id, OLD.status, NEW.status
        USING ERRCODE = 'check_violation', CONSTRAINT = 'import_moves_along_its_arrows';
END
$$;
