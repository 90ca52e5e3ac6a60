"""What embedding endpoints were asked and billed for new vectors of whole datasets, counted too."""

from django.db import migrations

# There are few of these, so the rows themselves are read; what is deleted stays counted.
COUNTING = """
    CREATE FUNCTION segments_counts_of_reembedding(work segments_reembedding)
    RETURNS TABLE (name text, label text, bucket double precision, value double precision)
    LANGUAGE sql IMMUTABLE AS $$
        VALUES ('embedding_requests', '', 'Infinity'::double precision,
                work.embedding_requests::double precision),
               ('embedding_tokens', '', 'Infinity', work.embedding_tokens),
               ('embedding_cost', '', 'Infinity', work.embedding_cost)
    $$;
    CREATE FUNCTION segments_count_reembedding() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO segments_metriccount (name, label, bucket, value)
        SELECT * FROM segments_counts_of_reembedding(OLD);
        RETURN NULL;
    END
    $$;
    CREATE TRIGGER reembedding_counted_when_deleted
        AFTER DELETE ON segments_reembedding
        FOR EACH ROW EXECUTE FUNCTION segments_count_reembedding();
"""
NOT_COUNTING = """
    DROP TRIGGER reembedding_counted_when_deleted ON segments_reembedding;
    DROP FUNCTION segments_count_reembedding();
    DROP FUNCTION segments_counts_of_reembedding(segments_reembedding);
"""


class Migration(migrations.Migration):
    dependencies = [("segments", "0019_rate_limit")]
    operations = [migrations.RunSQL(COUNTING, NOT_COUNTING)]
