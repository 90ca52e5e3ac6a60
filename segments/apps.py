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
        """Register the checks, and set up the queue."""
        from datasets.models import Document
        from segments.checks import project, values  # noqa: F401  (importing registers them)
        from segments.models import audit
        from segments.services.knowledge import lock_in_order

        if apps.is_installed("django_q"):
            self._set_up_django_q()
        audit.connect()
        pre_delete.connect(lock_in_order, sender=Document)

    def _set_up_django_q(self) -> None:
        """Give the queue its schedule, and keep it out of the admin.

        Its own admin pages run any function of any module by name: not for users.
        """
        from segments.jobs.django_q_queue import ensure_schedules

        queue = apps.get_app_config("django_q")
        post_migrate.connect(ensure_schedules, sender=queue)
        for model in queue.get_models():
            if admin.site.is_registered(model):
                admin.site.unregister(model)
