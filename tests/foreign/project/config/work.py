"""Imports run by the project's own Celery: what docs/django.md shows."""

from celery import Celery, shared_task

from segments.tasks import reap, work_on

app = Celery("config")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.set_default()
app.conf.beat_schedule = {"segmill": {"task": "config.work.clean_up", "schedule": 60}}

work = shared_task(work_on, name="config.work.work")
clean_up = shared_task(reap, name="config.work.clean_up")


def send(task: str, job_id: str) -> None:
    """Called by Segmill, once what the message is about has been committed."""
    work.delay(task, job_id)
