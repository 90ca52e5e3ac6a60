"""Hosts of their own, made of network namespaces: a worker host that is cut off loses nothing.

`make hosts` runs all of it, with replica, proxy and three worker hosts.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers.network import CANNOT, can_make_hosts

PROJECT = Path(__file__).resolve().parents[2]


@pytest.mark.skipif(not can_make_hosts(), reason=CANNOT)
def test_a_worker_host_that_is_cut_off_publishes_nothing_late() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.hosts", "short", "--json"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    (fault,) = json.loads(done.stdout)["faults"]
    assert not fault["broken"]
    assert not fault["not_run"]
