"""The Django app of segments and imports."""

from django.apps import AppConfig


class SegmentsConfig(AppConfig):
    """Registers the system checks when Django starts."""

    name = "segments"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Import the checks so that `manage.py check` knows them."""
        from segments import checks  # noqa: F401  (importing registers them)
