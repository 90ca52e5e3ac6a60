"""The state machines of imports and chunks as the database enforces them, whoever writes."""

from django.db import migrations, models

# `segments.imports.state` and `segments.imports.chunks` draw these arrows.
IMPORT_ARROWS = """
    CREATE FUNCTION segments_refuse_wrong_move() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'import % cannot go from % to %', OLD.id, OLD.status, NEW.status
            USING ERRCODE = 'check_violation', CONSTRAINT = 'import_moves_along_its_arrows';
    END
    $$;
    CREATE TRIGGER import_moves_along_its_arrows
        BEFORE UPDATE OF status ON segments_importjob
        FOR EACH ROW WHEN (
            NEW.status <> OLD.status
            AND OLD.status NOT IN ('completed', 'failed', 'cancelled')
            AND NEW.status NOT IN ('failed', 'cancelled')
            AND (OLD.status, NEW.status) NOT IN (
                ('waiting', 'preparing'),
                ('preparing', 'embedding'),
                ('embedding', 'publishing'),
                ('publishing', 'completed'),
                ('embedding', 'interrupted'),
                ('interrupted', 'embedding')))
        EXECUTE FUNCTION segments_refuse_wrong_move();
"""
NO_IMPORT_ARROWS = """
    DROP TRIGGER import_moves_along_its_arrows ON segments_importjob;
    DROP FUNCTION segments_refuse_wrong_move();
"""

CHUNK_ARROWS = """
    CREATE FUNCTION segments_refuse_wrong_chunk_move() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'chunk % of import % cannot go from % to %',
            OLD.ordinal, OLD.job_id, OLD.status, NEW.status
            USING ERRCODE = 'check_violation', CONSTRAINT = 'chunk_moves_along_its_arrows';
    END
    $$;
    CREATE TRIGGER chunk_moves_along_its_arrows
        BEFORE UPDATE OF status ON segments_chunk
        FOR EACH ROW WHEN (
            NEW.status <> OLD.status
            AND (OLD.status, NEW.status) NOT IN (
                ('pending', 'running'),
                ('running', 'pending'), ('running', 'done'), ('running', 'dead')))
        EXECUTE FUNCTION segments_refuse_wrong_chunk_move();
"""
NO_CHUNK_ARROWS = """
    DROP TRIGGER chunk_moves_along_its_arrows ON segments_chunk;
    DROP FUNCTION segments_refuse_wrong_chunk_move();
"""

# A token that could come back would let a late writer in.
EPOCHS_RISE = """
    CREATE FUNCTION segments_refuse_falling_epoch() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'the epoch in % cannot fall from % to %',
            TG_TABLE_NAME, OLD.epoch, NEW.epoch
            USING ERRCODE = 'check_violation', CONSTRAINT = TG_NAME;
    END
    $$;
    CREATE TRIGGER import_epoch_never_falls
        BEFORE UPDATE OF epoch ON segments_importjob
        FOR EACH ROW WHEN (NEW.epoch < OLD.epoch)
        EXECUTE FUNCTION segments_refuse_falling_epoch();
    CREATE TRIGGER chunk_epoch_never_falls
        BEFORE UPDATE OF epoch ON segments_chunk
        FOR EACH ROW WHEN (NEW.epoch < OLD.epoch)
        EXECUTE FUNCTION segments_refuse_falling_epoch();
"""
EPOCHS_MAY_FALL = """
    DROP TRIGGER chunk_epoch_never_falls ON segments_chunk;
    DROP TRIGGER import_epoch_never_falls ON segments_importjob;
    DROP FUNCTION segments_refuse_falling_epoch();
"""


class Migration(migrations.Migration):
    dependencies = [("segments", "0005_api")]
    operations = [
        migrations.AddField("importjob", "last_error", models.TextField(blank=True, default="")),
        migrations.AddConstraint(
            "importjob",
            models.CheckConstraint(
                condition=models.Q(
                    models.Q(("status__in", ("preparing", "publishing")), _negated=True),
                    ("lease_until__isnull", False),
                    _connector="OR",
                ),
                name="import_at_work_has_lease",
            ),
        ),
        migrations.RunSQL(IMPORT_ARROWS, NO_IMPORT_ARROWS),
        migrations.RunSQL(CHUNK_ARROWS, NO_CHUNK_ARROWS),
        migrations.RunSQL(EPOCHS_RISE, EPOCHS_MAY_FALL),
    ]
