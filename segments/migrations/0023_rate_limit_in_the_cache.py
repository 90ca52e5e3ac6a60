"""What a key has used of its requests a minute is in the cache."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("segments", "0022_text_key")]
    operations = [migrations.DeleteModel("ApiKeyRate")]
