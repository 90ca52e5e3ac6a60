"""The benchmark's own home: an installation beside the user's, removed at the end."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from django.conf import settings
from django.core.management.base import CommandError

from config import embedded, env
from config.embedded import locks
from tests.benchmark.figures import Figure, Sizes

SHOWN_LOG_LINES = 20


@contextmanager
def own_home(folder: Path) -> Iterator[Path]:
    """A migrated home in `folder`; its server is stopped and all of it removed afterwards.

    Raises:
        CommandError: another benchmark is using it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    home = folder / "home"
    with locks.exclusive_if_free(folder / "lock") as ours:
        if ours is None:
            raise CommandError("Another benchmark is running in this home. Wait until it ends.")
        _remove(home)
        home.mkdir()
        try:
            list(
                output_lines(
                    home, [str(settings.BASE_DIR / "manage.py"), "migrate", "--verbosity=0"]
                )
            )
            yield home
        finally:
            _remove(home)


def run_part(
    home: Path, part: str, sizes: Sizes, step: Callable[[str, float], None]
) -> list[Figure]:
    """Run a part in its own process, in `home`; returns its figures.

    Raises:
        CommandError: the process failed; the message ends with its last output.
    """
    figures = []
    for line in output_lines(home, ["-m", "tests.benchmark.part", part, json.dumps(asdict(sizes))]):
        message = json.loads(line)
        if "figure" in message:
            figures.append(Figure(**message["figure"]))
        else:
            step(message["step"], message["done"])
    return figures


def output_lines(home: Path, arguments: Sequence[str]) -> Iterator[str]:
    """The output, line by line, of Python with these arguments, in an installation at `home`."""
    log = home / "bench.log"
    with (
        log.open("w+", encoding="utf-8") as errors,
        subprocess.Popen(
            [sys.executable, *arguments],
            cwd=settings.BASE_DIR,
            env=env.of_installation(home),
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        try:
            yield from process.stdout or ()
        except BaseException:
            process.terminate()
            raise
    if process.returncode:
        said = log.read_text(encoding="utf-8").splitlines()[-SHOWN_LOG_LINES:]
        raise CommandError("The benchmark failed:\n" + "\n".join(said))


def _remove(home: Path) -> None:
    if home.exists():
        embedded.stop(home)
        shutil.rmtree(home)
