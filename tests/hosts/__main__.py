"""`python -m tests.hosts`: the parts of `make hosts`, on hosts made of network namespaces.

* `speed`: imports of several tenants with 1, 2 and 3 worker hosts, then all with one model
* `short`: one fault, on fewer hosts, as a test does
* `faults`: what a broken network does (`tests.hosts.faults`)

It needs root, iproute2 and util-linux, and nginx for the proxy.
"""

import argparse
import json
import os
import signal
import sys
import tempfile
from pathlib import Path

from tests.servers.network import CANNOT, can_make_hosts

PARTS = ("speed", "faults")
SHORT = "short"
SHORT_WORKERS = 2
SINGLE = (
    "worker_host_cut_off",
    "database_unreachable",
    "one_way_cut",
    "host_killed",
    "packets_lost",
    "replica_lags",
    "failover",
)
ROWS = 1_600
WORKERS = 3


def main() -> int:
    """Run the parts; 1 if a promise was broken, or speed does not grow with the hosts."""
    parser = argparse.ArgumentParser(prog="python -m tests.hosts", description=__doc__)
    help_ = f"{', '.join(PARTS)}, or single faults: {', '.join(SINGLE)}; default: all"
    parser.add_argument("parts", nargs="*", help=help_)
    parser.add_argument("--rows", type=int, default=ROWS, help="rows a file (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    given = parser.parse_args()
    if unknown := set(given.parts) - {*PARTS, *SINGLE, SHORT}:
        parser.error(f"there is no part {', '.join(unknown)}")
    if not can_make_hosts():
        sys.exit(f"Hosts cannot be made here. {CANNOT}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("Stopped."))
    place = {"prefix": "smh", "dir": "/tmp"}  # noqa: S108  (paths of sockets are short)
    with tempfile.TemporaryDirectory(**place, ignore_cleanup_errors=True) as folder:
        return _run(Path(folder), given)


def _run(folder: Path, given: argparse.Namespace) -> int:
    from tests.hosts.installation import Installation

    folder.chmod(0o755)
    is_short = given.parts == [SHORT]
    workers, webs = (SHORT_WORKERS, 1) if is_short else (WORKERS, 2)
    installation = Installation(folder, workers, webs)
    try:
        installation.start_servers()
        os.environ |= installation.environment()
        os.environ["SEGMILL_REPLICA_URLS"] = ""
        os.environ["SEGMILL_HOME"] = str(folder)
        import django

        django.setup()
        from tests.hosts.run import HostsRun

        run = HostsRun(installation, given.rows, quiet=given.json)
        result = run.run(given.parts or list(PARTS))
    finally:
        installation.close()
    if given.json:
        sys.stdout.write(json.dumps(result.as_json(), indent=2) + "\n")
    else:
        result.print()
    return 0 if result.is_good else 1


if __name__ == "__main__":
    sys.exit(main())
