"""`python -m tests.chaos`: the parts of `make chaos`, all of them or some.

* `orm`, `redis`: an installation with that broker, under `--faults` faults
* `model`: a random walk of `--steps` steps
* `races`, `points`: races, and faults at all crash points, or a `--share` of them
"""

import argparse
import json
import secrets
import shutil
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.chaos.surroundings import QUICK, own_home, take_settings

BROKERS = ("orm", "redis")
PARTS = (*BROKERS, "model", "races", "points")
FAULTS = 300
STEPS = 100_000


def main() -> int:
    """Run the requested parts; 1 if any promise was broken."""
    given = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("Stopped."))
    if len(given.parts) == 1:
        return _run(given.parts[0], given)
    codes = [subprocess.call(_command(part, given)) for part in given.parts]
    return max(codes)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos", description="Check that no fault loses or doubles anything."
    )
    parser.add_argument("parts", nargs="*", help=f"{', '.join(PARTS)}; default: all")
    parser.add_argument("--broker", choices=BROKERS, help="run only this broker's part")
    parser.add_argument("--faults", type=int, default=FAULTS, help="default: %(default)s")
    parser.add_argument("--steps", type=int, default=STEPS, help="default: %(default)s")
    parser.add_argument(
        "--share", type=float, default=1.0, help="share of the races and points (default: all)"
    )
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    parser.add_argument("--logs", type=Path, help="folder to keep the processes' logs in")
    parser.add_argument("--json", action="store_true", help="print one JSON object per part")
    given = parser.parse_args()
    given.parts = given.parts or ([given.broker] if given.broker else list(PARTS))
    if unknown := set(given.parts) - set(PARTS):
        parser.error(f"there is no part {', '.join(unknown)}")
    return given


def _command(part: str, given: argparse.Namespace) -> list[str]:
    """The command for a part: each runs in its own process, with its own home and settings."""
    numbers = ("faults", "steps", "share", "seed")
    told = [word for name in numbers for word in (f"--{name}", str(getattr(given, name)))]
    told += ["--logs", str(given.logs)] if given.logs else []
    as_json = ["--json"] if given.json else []
    return [sys.executable, "-m", "tests.chaos", part, *told, *as_json]


def _run(part: str, given: argparse.Namespace) -> int:
    with own_home() as home:
        if part in BROKERS:
            return _run_processes(part, home, given)
        return _run_in_process(part, given)


def _run_in_process(part: str, given: argparse.Namespace) -> int:
    _set_up()
    from tests.chaos.in_process import run_part

    result = run_part(part, given.seed, given.steps, given.share)
    _tell(result.as_json(), result.table(), as_json=given.json)
    return 0 if result.is_good else 1


def _run_processes(broker: str, home: Path, given: argparse.Namespace) -> int:
    """Starts Valkey first, because its address is one of the settings."""
    from tests.chaos.valkey import Valkey, valkey_server

    with ExitStack() as stack:
        valkey: Valkey | None = None
        if broker == "redis":
            valkey = stack.enter_context(valkey_server(home / "valkey"))
            take_settings(REDIS_URL=valkey.url)
        take_settings(**QUICK)
        _set_up()
        from tests.chaos.display import ChaosDisplay
        from tests.chaos.processes import ChaosRun
        from tests.servers.embeddings import embeddings_server

        server = stack.enter_context(embeddings_server())
        take_settings(SEGMILL_OPENAI_BASE_URL=server.url, SEGMILL_LOG_LEVEL="INFO")
        run = ChaosRun(home, broker, given.seed, server, valkey)
        with ChaosDisplay(sys.stderr, f"{broker}, seed {given.seed}", given.faults) as display:
            try:
                result = run.run(given.faults, display)
            finally:
                if given.logs:
                    _keep_logs(home, given.logs / broker)
        _tell(result.as_json(), result.table(), as_json=given.json)
        return 0 if result.is_good else 1


def _keep_logs(home: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for log in home.glob("*.log"):
        shutil.copy(log, folder)


def _set_up() -> None:
    import django

    django.setup()


def _tell(machines: dict[str, Any], people: Any, *, as_json: bool) -> None:
    from rich.console import Console

    if as_json:
        sys.stdout.write(json.dumps(machines) + "\n")
    else:
        Console().print(people)


if __name__ == "__main__":
    sys.exit(main())
