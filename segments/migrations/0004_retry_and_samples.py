"""Imports that try another one again, and the samples that charts are drawn from."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("segments", "0003_rules"),
    ]

    operations = [
        migrations.AddField(
            model_name="importjob",
            name="retry_of",
            field=models.ForeignKey(
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="retries",
                to="segments.importjob",
            ),
        ),
        migrations.CreateModel(
            name="ProgressSample",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("phase", models.CharField(max_length=16)),
                ("rows", models.PositiveBigIntegerField()),
                (
                    "job",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="samples",
                        to="segments.importjob",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["job", "at"], name="sample_of_import")],
            },
        ),
    ]
