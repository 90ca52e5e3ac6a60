"""`python -m tests.benchmark`: what `make bench` runs; `--help` lists its options."""

import os

import django


def main() -> None:
    """Set up Django first: the code under test can be imported only then."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    from tests.benchmark.measure import main as measure

    measure()


if __name__ == "__main__":
    main()
