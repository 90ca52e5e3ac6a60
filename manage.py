#!/usr/bin/env python
"""Runs Segmill's commands: `python manage.py help` lists them.

Every refusal is one sentence instead of a traceback.
"""

import io
import os
import sys


def main() -> None:
    """Hand the command line to Django; exit 1 with the remedy when it is refused."""
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


def _print_anything() -> None:
    """Let no name or text end a command because this terminal cannot show it."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


if __name__ == "__main__":
    main()
