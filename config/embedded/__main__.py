"""`python -m config.embedded`: stops the embedded PostgreSQL of this home, if it still runs."""

import sys

from config.embedded import EmbeddedPostgresError, stop
from config.settings import SEGMILL_HOME

if __name__ == "__main__":
    try:
        was_running = stop(SEGMILL_HOME)
    except EmbeddedPostgresError as trouble:
        sys.exit(f"Error: {trouble}")
    sys.stdout.write("Stopped.\n" if was_running else "It was not running.\n")
