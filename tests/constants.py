"""Constants of Segmill that tests of whole processes need otherwise.

Processes with the environment of `with_constants` take `tests.settings`, whose last app sets the
constants before anything runs.
"""

import json
import os
from collections.abc import Mapping
from importlib import import_module

from django.apps import AppConfig

VARIABLE = "SEGMILL_TEST_CONSTANTS"


def with_constants(constants: Mapping[str, float]) -> dict[str, str]:
    """The environment of processes in which the constants of these names have these values."""
    return {"DJANGO_SETTINGS_MODULE": "tests.settings", VARIABLE: json.dumps(constants)}


class ConstantsConfig(AppConfig):
    """Sets the constants when Django starts."""

    name = "tests"

    def ready(self) -> None:
        """Each by its dotted name, which has to be there."""
        for path, value in json.loads(os.environ[VARIABLE]).items():
            module, _, name = path.rpartition(".")
            getattr(import_module(module), name)
            setattr(import_module(module), name, value)
