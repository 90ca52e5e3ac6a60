"""The Django app of tenants, datasets and documents."""

from django.apps import AppConfig


class DatasetsConfig(AppConfig):
    """Tenants, their members, and the datasets and documents that imports fill."""

    name = "datasets"
    default_auto_field = "django.db.models.BigAutoField"
