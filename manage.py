#!/usr/bin/env python
"""Runs Segmill's commands: `python manage.py help` lists them."""

import os
import sys


def main() -> None:
    """Hand the command line to Django with Segmill's settings."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from config.cli import run

    run(sys.argv)


if __name__ == "__main__":
    main()
