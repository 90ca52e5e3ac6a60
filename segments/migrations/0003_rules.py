"""Rules that the ORM has no words for: composite keys, kept full text, final states."""

from django.db import migrations

# One check a row ties a segment to its document, that document's dataset and its tenant.
SAME_OWNER = """
    ALTER TABLE segments_documentsegment
        ADD CONSTRAINT segment_of_document_of_tenant
        FOREIGN KEY (document_id, dataset_id, tenant_id)
        REFERENCES datasets_document (id, dataset_id, tenant_id) ON DELETE CASCADE;
    ALTER TABLE segments_importjob
        ADD CONSTRAINT import_of_document_of_tenant
        FOREIGN KEY (document_id, dataset_id, tenant_id)
        REFERENCES datasets_document (id, dataset_id, tenant_id) ON DELETE CASCADE;
"""
ANY_OWNER = """
    ALTER TABLE segments_documentsegment DROP CONSTRAINT segment_of_document_of_tenant;
    ALTER TABLE segments_importjob DROP CONSTRAINT import_of_document_of_tenant;
"""

# Publishing brings the entry along; whoever else writes a text has it made here.
KEEP_FULL_TEXT = """
    CREATE FUNCTION segments_keep_full_text() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        NEW.search_vector := segments_full_text(
            (SELECT text_search_config FROM datasets_dataset WHERE id = NEW.dataset_id),
            NEW.content, NEW.answer);
        RETURN NEW;
    END
    $$;
    CREATE TRIGGER segment_full_text_on_insert
        BEFORE INSERT ON segments_documentsegment
        FOR EACH ROW WHEN (NEW.search_vector IS NULL)
        EXECUTE FUNCTION segments_keep_full_text();
    CREATE TRIGGER segment_full_text_on_update
        BEFORE UPDATE OF content, answer ON segments_documentsegment
        FOR EACH ROW WHEN (
            NEW.content IS DISTINCT FROM OLD.content OR NEW.answer IS DISTINCT FROM OLD.answer)
        EXECUTE FUNCTION segments_keep_full_text();
"""
LOSE_FULL_TEXT = """
    DROP TRIGGER segment_full_text_on_update ON segments_documentsegment;
    DROP TRIGGER segment_full_text_on_insert ON segments_documentsegment;
    DROP FUNCTION segments_keep_full_text();
"""

FINAL_IS_FINAL = """
    CREATE FUNCTION segments_refuse_change_of_final_state() RETURNS trigger
    LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'import % is % for good', OLD.id, OLD.status
            USING ERRCODE = 'check_violation', CONSTRAINT = 'import_final_is_final';
    END
    $$;
    CREATE TRIGGER import_final_is_final
        BEFORE UPDATE OF status ON segments_importjob
        FOR EACH ROW WHEN (
            OLD.status IN ('completed', 'failed', 'cancelled') AND NEW.status <> OLD.status)
        EXECUTE FUNCTION segments_refuse_change_of_final_state();
"""
FINAL_CAN_CHANGE = """
    DROP TRIGGER import_final_is_final ON segments_importjob;
    DROP FUNCTION segments_refuse_change_of_final_state();
"""


class Migration(migrations.Migration):
    dependencies = [("segments", "0002_tables")]
    operations = [
        migrations.RunSQL(SAME_OWNER, ANY_OWNER),
        migrations.RunSQL(KEEP_FULL_TEXT, LOSE_FULL_TEXT),
        migrations.RunSQL(FINAL_IS_FINAL, FINAL_CAN_CHANGE),
    ]
