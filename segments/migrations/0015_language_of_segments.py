"""The full-text entries of a dataset are of one language: its own, for as long as there are any."""

from django.db import migrations

# An import that publishes holds its dataset's row: whoever waited for it sees its segments here.
LANGUAGE_STAYS = """
    CREATE FUNCTION segments_refuse_change_of_language() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (SELECT FROM segments_documentsegment WHERE dataset_id = OLD.id) THEN
            RAISE EXCEPTION 'the segments of dataset % are indexed as %',
                    OLD.id, OLD.text_search_config
                USING ERRCODE = 'check_violation', CONSTRAINT = 'dataset_language_of_segments';
        END IF;
        RETURN NEW;
    END
    $$;
    CREATE TRIGGER dataset_language_of_segments
        BEFORE UPDATE OF text_search_config ON datasets_dataset
        FOR EACH ROW WHEN (NEW.text_search_config <> OLD.text_search_config)
        EXECUTE FUNCTION segments_refuse_change_of_language();
"""
LANGUAGE_CHANGES = """
    DROP TRIGGER dataset_language_of_segments ON datasets_dataset;
    DROP FUNCTION segments_refuse_change_of_language();
"""


class Migration(migrations.Migration):
    dependencies = [("segments", "0014_usage")]
    operations = [migrations.RunSQL(LANGUAGE_STAYS, LANGUAGE_CHANGES)]
