"""Programs side by side, with real processes: started, started again, and all stopped."""

import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from config.web import PortTaken, listen, listen_near, port_of
from segments.operations.processes import Program, Supervisor

WAIT_SECONDS = 30

NOTE_AND_WAIT = """
    import os, pathlib, sys, time
    with pathlib.Path(sys.argv[1]).open("a") as notes:
        notes.write(f"{os.getpid()}\\n")
    time.sleep(600)
"""


def program(folder: Path, script: str, *arguments: str, name: str = "helper") -> Program:
    return Program(name, [sys.executable, "-c", textwrap.dedent(script), *arguments], folder)


def wait_until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


def noted(path: Path) -> list[int]:
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def stop_after(true: Callable[[], object]) -> threading.Thread:
    """Sends this process the polite signal once `true`, as `kill` would."""

    def wait_and_stop() -> None:
        wait_until(true)
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=wait_and_stop)
    thread.start()
    return thread


def test_a_program_that_dies_is_started_again(tmp_path: Path) -> None:
    notes, said = tmp_path / "notes", list[str]()
    handler = signal.getsignal(signal.SIGTERM)

    def kill_the_first() -> None:
        wait_until(lambda: len(noted(notes)) == 1)
        os.kill(noted(notes)[0], signal.SIGKILL)

    killer = threading.Thread(target=kill_the_first)
    stopper = stop_after(lambda: len(noted(notes)) == 2)
    supervisor = Supervisor([program(tmp_path, NOTE_AND_WAIT, str(notes))], said.append)
    supervisor.run(ready=killer.start)
    killer.join()
    stopper.join()

    assert any("helper ended with code -9" in line for line in said)
    assert not any(is_alive(pid) for pid in noted(notes))
    assert signal.getsignal(signal.SIGTERM) == handler


def test_what_a_program_leaves_behind_is_ended_too(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    script = f"""
    import subprocess, sys
    subprocess.Popen([sys.executable, "-c", {textwrap.dedent(NOTE_AND_WAIT)!r}, {str(notes)!r}])
    import time
    time.sleep(600)
    """
    stopper = stop_after(lambda: noted(notes))
    Supervisor([program(tmp_path, script)], lambda line: None).run(ready=lambda: None)
    stopper.join()

    wait_until(lambda: not any(is_alive(pid) for pid in noted(notes)))


def test_a_second_signal_hurries_what_does_not_end(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    deaf = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    stubborn = program(tmp_path, deaf + textwrap.dedent(NOTE_AND_WAIT), str(notes))
    began = list[float]()

    def tell(line: str) -> None:
        if line.startswith("Stopping"):
            began.append(time.monotonic())
            os.kill(os.getpid(), signal.SIGTERM)

    stopper = stop_after(lambda: noted(notes))
    Supervisor([stubborn], tell).run(ready=lambda: None)
    stopper.join()

    assert time.monotonic() - began[0] < 5
    wait_until(lambda: not any(is_alive(pid) for pid in noted(notes)))


def test_programs_end_with_a_supervisor_that_was_killed(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    script = f"""
    import sys
    from pathlib import Path
    from segments.operations.processes import Program, Supervisor
    helper = [sys.executable, "-c", {textwrap.dedent(NOTE_AND_WAIT)!r}, {str(notes)!r}]
    Supervisor([Program("helper", helper, Path.cwd())], print).run(ready=lambda: None)
    """
    project = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", textwrap.dedent(script)]
    with subprocess.Popen(command, cwd=project) as supervisor:
        wait_until(lambda: noted(notes))
        supervisor.kill()
    wait_until(lambda: not any(is_alive(pid) for pid in noted(notes)))


def test_the_next_free_port_is_taken() -> None:
    with listen("127.0.0.1", 0) as first:
        taken = port_of(first)
        with pytest.raises(PortTaken, match=f"127.0.0.1:{taken}"):
            listen("127.0.0.1", taken)
        with listen_near("127.0.0.1", taken) as second:
            assert taken < port_of(second) < taken + 20


def test_a_foreign_address_is_refused() -> None:
    with pytest.raises(PortTaken, match=r"192\.0\.2\.1"):
        listen("192.0.2.1", 0)


def test_a_port_is_free_again_at_once() -> None:
    with listen("127.0.0.1", 0) as listener:
        port = port_of(listener)
        with socket.create_connection(("127.0.0.1", port)):
            pass
    with listen("127.0.0.1", port) as again:
        assert port_of(again) == port
