"""What each key has used of its requests a minute."""

import django.db.models.deletion
from django.db import migrations, models

# Written with every request, worth nothing after a crash: neither WAL nor a wait for the disk.
NOT_LOGGED = "ALTER TABLE segments_apikeyrate SET UNLOGGED"
LOGGED = "ALTER TABLE segments_apikeyrate SET LOGGED"


class Migration(migrations.Migration):
    dependencies = [("segments", "0018_reembedding")]
    operations = [
        migrations.CreateModel(
            name="ApiKeyRate",
            fields=[
                (
                    "key",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        serialize=False,
                        to="segments.apikey",
                    ),
                ),
                ("spent_until", models.DateTimeField()),
            ],
        ),
        migrations.RunSQL(NOT_LOGGED, LOGGED),
    ]
