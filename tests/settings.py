"""Segmill's settings, with `tests.constants` on top of its apps."""

from config.settings import *  # noqa: F403
from config.settings import INSTALLED_APPS as SEGMILL_APPS

INSTALLED_APPS = [*SEGMILL_APPS, "tests.constants.ConstantsConfig"]
