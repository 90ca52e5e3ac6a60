"""The Django app of segments and imports."""

from django.apps import AppConfig, apps
from django.contrib import admin
from django.db.models.signals import post_migrate, pre_delete

from segments.conf import fill_in

fill_in()


class SegmentsConfig(AppConfig):
    """Registers the system checks when Django starts."""

    name = "segments"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the checks, hide the queue from the admin, and create the queue's schedules."""
        from datasets.models import Document
        from segments import checks  # noqa: F401  (importing registers them)
        from segments.jobs.queue import ensure_schedules
        from segments.services.knowledge import lock_in_order

        self._hide_queue()
        post_migrate.connect(ensure_schedules, sender=self)
        pre_delete.connect(lock_in_order, sender=Document)

    def _hide_queue(self) -> None:
        """Django-q2's own admin pages run any function of any module by name: not for users."""
        for model in apps.get_app_config("django_q").get_models():
            if admin.site.is_registered(model):
                admin.site.unregister(model)
