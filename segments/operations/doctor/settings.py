"""The settings, by Django's and Segmill's own system checks."""

from collections.abc import Iterator

from django.core.checks import WARNING, run_checks

from segments.operations.doctor.check import Check, Problem


class SettingsCheck(Check):
    """What `manage.py check` says."""

    name = "settings"
    needs_tables = False

    def look(self) -> Iterator[Problem]:
        """Each message that is a warning or worse."""
        for message in run_checks():
            if message.level >= WARNING and not message.is_silenced():
                text = f"{message.msg} ({message.id})"
                yield Problem(text, message.hint or "See manage.py check.")

    def summary(self) -> str:
        """That all are fine."""
        return "all can be used"
