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
            sha256="cd29e2d4010aaa7e2d9ba8b1b893d10a62bf185d9b43b667a5bb63e9ad18c09e",
            undo="DROP FUNCTION segments_full_text",
            needed=True,
        ),
        RunSQLFile(
            "functions/full_text_of_dataset.sql",
            sha256="1ed4f997d188e30c369650a2a4903a77713e86d846d26349acf3d7f2c7906600",
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
