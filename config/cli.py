"""The command line, with every refusal as one sentence instead of a traceback."""

import io
import sys
from collections.abc import Sequence

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from django.db import Error

from datasets.exceptions import SegmillError
from segments.db.errors import explained, is_expected


def run(arguments: Sequence[str]) -> None:
    """Run a management command; exit 1 with the remedy when Segmill or the database refuses."""
    _print_anything()
    try:
        execute_from_command_line(list(arguments))
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
