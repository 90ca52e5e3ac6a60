"""Requests under way tell whose they are, so that those of killed workers keep nobody waiting."""

from importlib import import_module

from django.db import migrations, models

budget = import_module("segments.migrations.0007_budget")

# The function as it was, and with one parameter more.
WITH_HOLDER = (
    budget.TAKE_BUDGET.replace("lease interval)", "lease interval, wanted_holder text)")
    .replace("(id, budget_id, tenant_id, until)", "(id, budget_id, tenant_id, holder, until)")
    .replace("wanted_tenant, moment + lease)", "wanted_tenant, wanted_holder, moment + lease)")
)
WITHOUT_HOLDER = budget.LEAVE_BUDGET.replace("integer, interval)", "integer, interval, text)")


class Migration(migrations.Migration):
    dependencies = [("segments", "0020_metrics_of_reembeddings")]
    operations = [
        migrations.AddField(
            model_name="embeddingcall",
            name="holder",
            field=models.TextField(default=""),
            preserve_default=False,
        ),
        migrations.RunSQL(budget.LEAVE_BUDGET, budget.TAKE_BUDGET),
        migrations.RunSQL(WITH_HOLDER, WITHOUT_HOLDER),
    ]
