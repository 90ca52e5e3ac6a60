"""What docs/deploy offers is right as far as can be seen without the machines it is for."""

import configparser
import os
import re
import secrets
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings
from django.core.management import get_commands, load_command_class
from pytest_django import Settings

from config.env import REDIS_SCHEMES, check_https
from config.web import ROOM_BYTES, listen, port_of, proxy_options, socket_at

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "docs/deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
SETTING = re.compile(r"^([A-Z_]+)=(.*)$", re.MULTILINE)
DOCUMENTED = re.compile(r"^\| `([A-Z_]+)` \|", re.MULTILINE)
PYTHON = "/opt/segmill/.venv/bin/python"


def production_settings() -> dict[str, str]:
    """Exactly those of the file, with what is to be filled in filled in."""
    text = (DEPLOY / "segmill.env").read_text()
    return {
        name: re.sub("<.*?>", lambda _: secrets.token_urlsafe(64), value)
        for name, value in SETTING.findall(text)
    }


def unit(path: Path) -> configparser.ConfigParser:
    parsed = configparser.ConfigParser(interpolation=None)
    parsed.optionxform = str  # type: ignore[assignment, method-assign]
    parsed.read(path)
    return parsed


def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return loaded


def seconds(text: str) -> float:
    return float(text.removesuffix("s"))


def parsed_command(words: list[str]) -> dict[str, Any]:
    """The options of a `manage.py` command line; SystemExit if it would be refused."""
    name, *arguments = words
    command = load_command_class(get_commands()[name], name)
    return vars(command.create_parser("manage.py", name).parse_args(arguments))


def checked(words: list[str]) -> dict[str, Any]:
    """The options of a command line that starts a part of Segmill."""
    if words[0] == "manage.py":
        return parsed_command(words[1:])
    assert words[:2] == ["-m", "config.web"]
    assert re.fullmatch(r"[\d.]+:(\d+|%i)", words[2])
    return {}


def test_django_has_nothing_to_say_of_the_production_settings() -> None:
    outcome = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]}
        | production_settings()
        | {"SEGMILL_HOME": os.environ["SEGMILL_HOME"]},
        capture_output=True,
        text=True,
        check=False,
    )

    assert outcome.returncode == 0, outcome.stderr
    assert "no issues" in outcome.stdout


def test_a_site_by_plain_http_is_told_which_variable_to_set(settings: Settings) -> None:
    (warning,) = check_https(None)
    settings.SEGMILL_HTTPS = True

    assert "SEGMILL_HTTPS=true" in str(warning.hint)
    assert check_https(None) == []


def test_the_production_settings_are_those_of_the_table() -> None:
    documented = set(DOCUMENTED.findall((ROOT / "README.md").read_text()))

    assert set(production_settings()) <= documented
    assert production_settings()["REDIS_URL"].partition(":")[0] in REDIS_SCHEMES


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_units_start_what_there_is(path: Path) -> None:
    service = unit(path)["Service"]

    for key in ("ExecStart", "ExecStartPre"):
        if key in service:
            program, *words = shlex.split(service[key])
            assert program == PYTHON
            assert checked(words) is not None
    assert service["EnvironmentFile"] == "/etc/segmill/segmill.env"
    assert service["Restart"] == "always"
    assert service["User"] == "segmill"
    assert service["ReadWritePaths"] == production_settings()["SEGMILL_HOME"]


def test_workers_are_stopped_in_order_and_in_time() -> None:
    service = unit(DEPLOY / "systemd/segmill-workers.service")["Service"]
    options = checked(shlex.split(service["ExecStart"])[1:])

    assert service["KillMode"] == "mixed"
    assert service["OOMPolicy"] == "continue"
    assert float(service["TimeoutStopSec"]) > options["grace"]


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="this machine has no systemd")
def test_systemd_understands_the_units(tmp_path: Path) -> None:
    for path in UNITS:
        text = path.read_text().replace(PYTHON, sys.executable)
        text = text.replace("User=segmill", "User=root")
        (tmp_path / path.name.replace("@", "@8000")).write_text(text)

    outcome = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *map(str, tmp_path.iterdir())],
        capture_output=True,
        text=True,
        check=False,
    )

    complaints = [line for line in outcome.stderr.splitlines() if "segmill" in line]
    assert complaints == []


def test_containers_start_what_there_is() -> None:
    services = compose()["services"]
    ours = {name: each for name, each in services.items() if each["image"] == "segmill"}

    assert set(ours) == {"migrate", "web", "workers", "reaper"}
    for service in ours.values():
        program, *words = service["command"]
        assert program == "python"
        assert checked(words) is not None
        assert service["env_file"] == "segmill.env"
        assert service["init"] is True
    grace = checked(services["workers"]["command"][1:])["grace"]
    assert seconds(services["workers"]["stop_grace_period"]) > grace


def test_containers_wait_for_what_they_need_and_only_the_proxy_is_outside() -> None:
    described = compose()
    services, volumes = described["services"], described["volumes"]

    for service in services.values():
        assert set(service.get("depends_on", ())) <= set(services)
        mounted = [volume.partition(":")[0] for volume in service.get("volumes", ())]
        assert {name for name in mounted if not name.startswith(".")} <= set(volumes)
        for name in mounted:
            assert not name.startswith(".") or (DEPLOY / name).is_file()
    assert [name for name, each in services.items() if "ports" in each] == ["proxy"]
    build = services["web"]["build"]
    assert (DEPLOY / build["context"] / build["dockerfile"]).is_file()


def test_the_image_has_all_that_runs() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    copied = re.findall(r"^COPY (\S+) \S+$", text, re.MULTILINE)

    needed = {"requirements.txt", "requirements.lock", "manage.py"}
    assert needed | {"config", "datasets", "segments", "templates"} == set(copied)
    assert all((ROOT / name).exists() for name in copied)
    assert "USER segmill" in text


@pytest.mark.parametrize(
    ("file", "limit"),
    [("nginx.conf", r"client_max_body_size (\d+)m;"), ("Caddyfile", r"max_size (\d+)MB")],
)
def test_proxies_let_the_largest_file_through(file: str, limit: str) -> None:
    found = re.search(limit, (DEPLOY / file).read_text())

    assert found
    unit_bytes = 1024**2 if file == "nginx.conf" else 1000**2
    limit_bytes = int(found[1]) * unit_bytes
    largest = settings.SEGMILL_MAX_FILE_BYTES
    assert largest < limit_bytes <= largest + 2 * ROOM_BYTES


def test_proxies_ask_the_web_processes_that_are_started() -> None:
    enabled = re.findall(r"segmill-web@(\d+)", (DEPLOY / "README.md").read_text())
    by_units = [f"127.0.0.1:{port}" for port in dict.fromkeys(enabled)]
    nginx, caddy = (DEPLOY / "nginx.conf").read_text(), (DEPLOY / "Caddyfile").read_text()
    services = compose()["services"]
    port = services["web"]["command"][-1].rpartition(":")[2]

    assert re.findall(r"^ +server (\S+);", nginx, re.MULTILINE) == by_units
    by_default = re.search(r"reverse_proxy \{\$SEGMILL_WEB:([^}]+)\}", caddy)
    assert by_default
    assert by_default[1].split() == by_units
    assert services["proxy"]["environment"] == {"SEGMILL_WEB": f"web:{port}"}


def test_nginx_of_debian_understands_its_file_and_forms_come_through_at_any_port() -> None:
    text = (DEPLOY / "nginx.conf").read_text()

    # Debian 12 and Ubuntu 24.04 have versions that do not start with this directive, new in 1.25.1.
    assert not re.search(r"^\s*http2 ", text, re.MULTILINE)
    # $host leaves the port out, and Django refuses a form whose page had one.
    assert "proxy_set_header Host $http_host;" in text


def test_a_trusted_proxy_is_believed_and_nobody_else() -> None:
    assert proxy_options("") == {"clear_untrusted_proxy_headers": False}
    options = proxy_options("127.0.0.1")
    assert options["trusted_proxy"] == "127.0.0.1"
    assert options["clear_untrusted_proxy_headers"] is True


def test_the_web_server_listens_where_it_is_told() -> None:
    with listen("127.0.0.1", 0) as first, socket_at(str(os.dup(first.fileno()))) as same:
        assert port_of(same) == port_of(first)
        with pytest.raises(SystemExit, match=r"cannot listen on 127\.0\.0\.1"):
            socket_at(f"127.0.0.1:{port_of(first)}")
    with socket_at("127.0.0.1:0") as another:
        assert port_of(another)


@pytest.mark.parametrize("where", ["somewhere", "127.0.0.1:", "127.0.0.1:http"])
def test_a_wrong_address_is_refused_in_words(where: str) -> None:
    with pytest.raises(SystemExit, match="HOST:PORT"):
        socket_at(where)
