"""What the tables stand on: pgvector, and the functions that columns and indexes use."""

from django.db import migrations

from segments.db.pgvector import CreateVectorExtension, RequireVectorExtension
from segments.db.sql import RunSQLFile


class Migration(migrations.Migration):
    initial = True
    dependencies = [("datasets", "0001_initial")]
    operations = [
        RequireVectorExtension(),
        CreateVectorExtension(),
        RunSQLFile(
            "functions/full_text.sql",
            sha256="769870abdbcda952845bc99cf32e5c30c8d783a525d5d16308fff7e47a08bf27",
            undo="DROP FUNCTION segments_full_text",
            needed=True,
        ),
        RunSQLFile(
            "functions/full_text_of_dataset.sql",
            sha256="fb181251fa38581c5e62676742ddad299863bc1b92a4f6669338c6f90f67480e",
            undo="DROP FUNCTION segments_full_text_of_dataset",
            needed=True,
        ),
        RunSQLFile(
            "tables/segment_versions.sql",
            sha256="d45804d3b9eeb6e65ee207e477bb27325536c5d367cd5eabc5e86afe68ed191f",
            undo="DROP SEQUENCE segments_segment_version",
            needed=True,
        ),
    ]
