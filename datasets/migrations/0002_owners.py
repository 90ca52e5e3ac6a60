"""A document is of its dataset's tenant, and the database says so."""

from django.db import migrations, models

SAME_TENANT = """
    ALTER TABLE datasets_document
        ADD CONSTRAINT document_of_dataset_of_tenant
        FOREIGN KEY (dataset_id, tenant_id)
        REFERENCES datasets_dataset (id, tenant_id) ON DELETE CASCADE;
"""
ANY_TENANT = "ALTER TABLE datasets_document DROP CONSTRAINT document_of_dataset_of_tenant;"


class Migration(migrations.Migration):
    dependencies = [("datasets", "0001_initial")]
    operations = [
        migrations.AddConstraint(
            "dataset",
            models.UniqueConstraint(fields=("id", "tenant"), name="dataset_id_tenant_once"),
        ),
        migrations.RunSQL(SAME_TENANT, ANY_TENANT),
    ]
