"""What was asked of endpoints for an import, and what they bill."""

from decimal import Decimal

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("segments", "0013_model_providers"),
    ]

    operations = [
        migrations.AddField(
            model_name="importjob",
            name="embedding_cost",
            field=models.DecimalField(decimal_places=10, default=Decimal("0"), max_digits=20),
        ),
        migrations.AddField(
            model_name="importjob",
            name="embedding_requests",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="importjob",
            name="embedding_tokens",
            field=models.PositiveBigIntegerField(default=0),
        ),
    ]
