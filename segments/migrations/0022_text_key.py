"""The index by text has eight bytes of a text's hash instead of its 64 characters."""

from django.db import migrations, models

from segments.models.segment import TextKey


class Migration(migrations.Migration):
    dependencies = [
        ("datasets", "0002_owners"),
        ("segments", "0021_call_holder"),
    ]

    operations = [
        migrations.RemoveIndex(model_name="documentsegment", name="segment_by_text"),
        migrations.AddIndex(
            model_name="documentsegment",
            index=models.Index(
                models.F("dataset"), TextKey("index_node_hash"), name="segment_by_text"
            ),
        ),
    ]
