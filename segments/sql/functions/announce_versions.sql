-- Shows that this transaction may draw versions of segments, before it draws the first: a shared
-- lock on one number ("version" in ASCII), which nobody takes exclusively and nobody waits for.
-- A builder of an index sees in pg_locks who holds it, and lets those end before it reads.
CREATE OR REPLACE FUNCTION segments_announce_versions() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(33325589488824174);
    RETURN NULL;
END
$$;
