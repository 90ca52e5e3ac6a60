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
            sha256="1ed4f997d188e30c369650a2a4903a77713e86d846d26349acf3d7f2c7906600",
            undo="DROP FUNCTION segments_full_text_of_dataset",
            needed=True,
        ),
    ]
