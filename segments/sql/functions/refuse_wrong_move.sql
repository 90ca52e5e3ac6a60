-- Refuses a move of a job, or of a chunk of one, that is not among the arrows of its kind: the
-- trigger lists them, and its first argument is the name of the row in messages.
CREATE OR REPLACE FUNCTION segments_refuse_wrong_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% cannot go from % to %', TG_ARGV[0], OLD.status, NEW.status
        USING ERRCODE = 'check_violation', CONSTRAINT = TG_NAME;
END
$$;
