"""What the tables stand on: pgvector, and the function that makes full-text entries."""

from django.db import migrations

from segments.db.pgvector import CreateVectorExtension, RequireVectorExtension

# Declared immutable so that a generated column may use it: its result changes only if somebody
# alters a text search configuration, which calls for a new index anyway. PL/pgSQL because a
# function in SQL would be checked against the volatility of what it calls.
FULL_TEXT = """
    CREATE FUNCTION segments_full_text(configuration text, content text, answer text)
    RETURNS tsvector LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
    BEGIN
        RETURN to_tsvector(configuration::regconfig, content || ' ' || coalesce(answer, ''));
    END
    $$
"""


class Migration(migrations.Migration):
    initial = True
    dependencies = [("datasets", "0001_initial")]
    operations = [
        RequireVectorExtension(),
        CreateVectorExtension(),
        migrations.RunSQL(
            FULL_TEXT, "DROP FUNCTION segments_full_text(text, text, text)", elidable=False
        ),
    ]
