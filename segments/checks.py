"""System checks: a wrong setting is refused at start, with what to set instead."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, register

from config import env


@register()
def check_environment(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """`segments.E001`: an environment variable that cannot be understood."""
    return [
        Error(
            f"{problem.name} is “{problem.value}”, which cannot be used.",
            hint=f"Set {problem.name} to {problem.expected}, or remove it for the default.",
            id="segments.E001",
        )
        for problem in env.PROBLEMS
    ]
