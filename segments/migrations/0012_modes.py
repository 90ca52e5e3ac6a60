"""Modes: what a row is about, what a file was, which columns were meant."""

import django.db.models.constraints
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("datasets", "0002_owners"),
        ("segments", "0011_cascades"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="RememberedColumns",
            fields=[
                (
                    "document",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="remembered_columns",
                        serialize=False,
                        to="datasets.document",
                    ),
                ),
                ("header", models.JSONField()),
                ("mapping", models.JSONField()),
                ("updated_at", models.DateTimeField(auto_now=True)),
            ],
            options={
                "verbose_name_plural": "remembered columns",
            },
        ),
        migrations.CreateModel(
            name="StagedMatch",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "job_id",
                        "row",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("job_id", models.UUIDField()),
                ("row", models.PositiveIntegerField()),
                ("segment_id", models.UUIDField()),
                ("needs_vector", models.BooleanField()),
            ],
        ),
        migrations.RemoveConstraint(
            model_name="documentsegment",
            name="segment_position_once_per_document",
        ),
        migrations.AddField(
            model_name="importjob",
            name="source",
            field=models.JSONField(default=dict),
        ),
        migrations.AddField(
            model_name="stagedrow",
            name="known_id",
            field=models.UUIDField(null=True),
        ),
        migrations.AddConstraint(
            model_name="documentsegment",
            constraint=models.UniqueConstraint(
                deferrable=django.db.models.constraints.Deferrable["IMMEDIATE"],
                fields=("document", "position"),
                name="segment_position_once_per_document",
            ),
        ),
        migrations.AddConstraint(
            model_name="stagedmatch",
            constraint=models.UniqueConstraint(
                fields=("job_id", "segment_id"), name="staged_match_once_per_segment"
            ),
        ),
    ]
