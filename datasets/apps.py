"""The Django app of tenants, datasets and documents."""

import django_stubs_ext
from django.apps import AppConfig

# Generic classes of Django that take a type at run time too, before any model is read.
django_stubs_ext.monkeypatch()


class DatasetsConfig(AppConfig):
    """Tenants, their members, and the datasets and documents that imports fill."""

    name = "datasets"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Listen for logins."""
        from datasets import invitations  # noqa: F401  (its receiver)
