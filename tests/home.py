"""A home of their own for the tests: they never touch the one of the person who runs them.

And compiled files, whatever PYTHONDONTWRITEBYTECODE says: tests start hundreds of processes, and
without them each would spend a second on compiling Segmill.

A plugin of pytest (see pyproject.toml) because Django's settings are read before any
conftest.py is.
"""

import atexit
import os
import sys
import tempfile

_home = tempfile.TemporaryDirectory(prefix="segmill-", ignore_cleanup_errors=True)
os.environ["SEGMILL_HOME"] = _home.name
atexit.register(_home.cleanup)
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
