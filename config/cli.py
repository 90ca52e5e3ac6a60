"""The command line, with every refusal as one sentence instead of a traceback."""

import sys
from collections.abc import Sequence

from django.core.management import execute_from_command_line

from datasets.exceptions import SegmillError


def run(arguments: Sequence[str]) -> None:
    """Run a management command; exit 1 with the remedy when Segmill or the database refuses."""
    from django.db import OperationalError

    try:
        execute_from_command_line(list(arguments))
    except SegmillError as refusal:
        sys.exit(f"Error: {refusal}")
    except OperationalError as trouble:
        sys.exit(
            f"Error: the database does not answer as it should: {str(trouble).strip()}\n"
            "Check that it runs and that DATABASE_URL is right, or unset DATABASE_URL to use "
            "the embedded PostgreSQL."
        )
