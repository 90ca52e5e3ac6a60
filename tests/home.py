"""A home of their own for the tests: they never touch the one of the person who runs them.

A plugin of pytest (see pyproject.toml) because Django's settings are read before any
conftest.py is.
"""

import atexit
import os
import tempfile

_home = tempfile.TemporaryDirectory(prefix="segmill-", ignore_cleanup_errors=True)
os.environ["SEGMILL_HOME"] = _home.name
atexit.register(_home.cleanup)
