"""Names of the tables as people are shown them."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("segments", "0008_fast_search"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="documentsegment",
            options={"ordering": ["document", "position"], "verbose_name": "segment"},
        ),
        migrations.AlterModelOptions(
            name="importjob",
            options={"ordering": ["-created_at"], "verbose_name": "import"},
        ),
    ]
