"""The parts of an import go with it, also those that a worker adds while it is being deleted."""

import django.db.models.deletion
from django.db import migrations, models

PARTS = {
    "segments_chunk": "chunk_of_import",
    "segments_progresssample": "progress_sample_of_import",
    "segments_rowerror": "row_error_of_import",
}
CASCADES = [
    f"""
    ALTER TABLE {table} ADD CONSTRAINT {name}
        FOREIGN KEY (job_id) REFERENCES segments_importjob (id) ON DELETE CASCADE;
    """
    for table, name in PARTS.items()
]
NO_CASCADES = [f"ALTER TABLE {table} DROP CONSTRAINT {name};" for table, name in PARTS.items()]


def part(related_name, **options):
    """The key of a part of an import, whose constraint is made below."""
    return models.ForeignKey(
        "segments.importjob",
        db_constraint=False,
        on_delete=django.db.models.deletion.CASCADE,
        related_name=related_name,
        **options,
    )


class Migration(migrations.Migration):
    dependencies = [("segments", "0010_heartbeat")]
    operations = [
        migrations.AlterField("chunk", "job", part("chunks")),
        migrations.AlterField("progresssample", "job", part("samples", db_index=False)),
        migrations.AlterField("rowerror", "job", part("row_errors")),
        migrations.RunSQL(CASCADES, NO_CASCADES),
    ]
