-- Refuses to move an import that is completed, failed or cancelled.
CREATE OR REPLACE FUNCTION segments_refuse_change_of_final_state() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'import % is % for good', OLD.id, OLD.status
        USING ERRCODE = 'check_violation', CONSTRAINT = 'import_final_is_final';
END
$$;
