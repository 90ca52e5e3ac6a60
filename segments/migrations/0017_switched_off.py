"""An index of the segments that are switched off, which are few: lists need not look for them."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("segments", "0016_metrics"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="documentsegment",
            index=models.Index(
                condition=models.Q(("enabled", False)),
                fields=["document", "position"],
                name="segment_switched_off",
            ),
        ),
    ]
