#!/usr/bin/env python3
"""Runs Segmill's commands: `./manage.py help` lists them.

Every refusal is one sentence instead of a traceback.
"""

import io
import os
import sys
from pathlib import Path

ENVIRONMENT = Path(__file__).resolve().parent / ".venv"


def main() -> None:
    """Hand the command line to Django; exit 1 with the remedy when it is refused."""
    _enter_environment()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line
    from django.db import Error

    from datasets.exceptions import SegmillError
    from segments.db.errors import explained, is_expected

    _print_anything()
    try:
        execute_from_command_line(sys.argv)
    except (SegmillError, ImproperlyConfigured) as refusal:
        sys.exit(f"Error: {refusal}")
    except KeyboardInterrupt:
        sys.exit("Stopped.")
    except Error as trouble:
        if not is_expected(trouble):
            raise
        sys.exit(f"Error: {explained(trouble)}")


def _enter_environment() -> None:
    """Go on in the environment that `make` has made, unless this Python is in one already."""
    python = ENVIRONMENT / "bin/python"
    if sys.prefix == sys.base_prefix and python.exists():
        os.execv(python, [str(python), *sys.argv])  # noqa: S606  (no shell is wanted)


def _print_anything() -> None:
    """Let no name or text end a command because this terminal cannot show it."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


if __name__ == "__main__":
    main()
