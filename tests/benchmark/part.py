"""`python -m tests.benchmark.part PART SIZES`: one part in its own process.

Writes one line of JSON to standard output per step (`step`, `done`) and figure (`figure`).
"""

import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict

import django

from tests.benchmark.figures import Figure, Recorder, Sizes


def main(part: str, sizes: str) -> None:
    """Run `part` with `sizes`, a JSON object with the fields of `Sizes`."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    recorder = Recorder(Sizes(**json.loads(sizes)), _tell_step, _tell_figure)
    _parts()[part](recorder)


def _parts() -> Mapping[str, Callable[[Recorder], None]]:
    """The parts by name; they can be imported only once Django is set up."""
    from tests.benchmark import endpoint, filled, memory, searching, serving, whole

    parts = (whole, filled, memory, searching, serving, endpoint)
    return {module.PART: module.measure for module in parts}


def _tell_step(what: str, done: float) -> None:
    _tell({"step": what, "done": done})


def _tell_figure(figure: Figure) -> None:
    _tell({"figure": asdict(figure)})


def _tell(message: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
