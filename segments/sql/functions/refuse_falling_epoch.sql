-- Refuses to lower an epoch: a reused fencing token would let a late writer in.
CREATE OR REPLACE FUNCTION segments_refuse_falling_epoch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the epoch in % cannot fall from % to %',
        TG_TABLE_NAME, OLD.epoch, NEW.epoch
        USING ERRCODE = 'check_violation', CONSTRAINT = TG_NAME;
END
$$;
