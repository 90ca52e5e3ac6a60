"""DATABASE_URL, and the errors of a database in words."""

from pathlib import Path

import psycopg2
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import Error, IntegrityError, InterfaceError, OperationalError, ProgrammingError
from django.db.utils import NotSupportedError
from psycopg2 import errors

from config.database import database_from
from config.embedded import EmbeddedPostgresError
from segments.db.errors import explained, is_expected

HOME = Path("/srv/segmill")


def test_a_url_names_a_server() -> None:
    entry = database_from("postgres://me:p%40ss@db.example.org:6432/kb?sslmode=require", HOME)

    assert entry["ENGINE"] == "django.db.backends.postgresql"
    assert (entry["HOST"], entry["PORT"], entry["NAME"]) == ("db.example.org", 6432, "kb")
    assert (entry["USER"], entry["PASSWORD"]) == ("me", "p@ss")
    assert entry["OPTIONS"]["sslmode"] == "require"
    assert entry["CONN_HEALTH_CHECKS"] is True


def test_both_sides_notice_a_silent_peer_within_30_seconds() -> None:
    ours = database_from("postgres://me@db/kb", HOME)["OPTIONS"]
    theirs = dict(part.split("=") for part in ours["options"].split() if "=" in part)

    probes = ours["keepalives_count"] * ours["keepalives_interval"]
    assert ours["keepalives"] == 1
    assert ours["keepalives_idle"] + probes <= 30
    assert ours["tcp_user_timeout"] <= 30_000
    assert ours["connect_timeout"] <= 30
    for name in ("idle", "interval", "count"):
        assert theirs[f"tcp_keepalives_{name}"].rstrip("s") == str(ours[f"keepalives_{name}"])
    assert theirs["tcp_user_timeout"] == f"{ours['tcp_user_timeout'] // 1000}s"


def test_what_the_url_says_comes_first() -> None:
    url = "postgres://me@db/kb?keepalives_idle=60&options=-c%20tcp_keepalives_idle%3D60"
    options = database_from(url, HOME)["OPTIONS"]

    assert str(options["keepalives_idle"]) == "60"
    assert options["options"].endswith("-c tcp_keepalives_idle=60")


def test_without_a_url_it_is_the_server_of_the_home() -> None:
    assert database_from("", HOME)["ENGINE"] == "config.embedded"


@pytest.mark.parametrize(
    "url",
    [
        "mysql://me:secret@localhost/kb",
        "sqlite:///secret.db",
        "nonsense secret",
        "postgres://me:secret@localhost:port/kb",
        "postgres://me:secret@localhost",
        "oops://me:secret@localhost/kb",
    ],
)
def test_a_url_of_anything_else_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="postgres://user:password@host:5432/name") as no:
        database_from(url, HOME)
    assert "secret" not in str(no.value)


def raised(kind: type[Error], cause: psycopg2.Error) -> Error:
    """The error as Django raises it."""
    error = kind(str(cause))
    error.__cause__ = cause
    return error


REFUSED = 'connection to server at "::1", port 1 failed: Connection refused'
CLOSED = "server closed the connection unexpectedly\n\tThis probably means"


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (raised(OperationalError, psycopg2.OperationalError(REFUSED)), "does not answer"),
        (raised(OperationalError, psycopg2.OperationalError(CLOSED)), "connection.*was lost"),
        (raised(InterfaceError, psycopg2.InterfaceError("closed")), "connection.*was lost"),
        (NotSupportedError("PostgreSQL 14 or later is required (found 13)."), "too old.*found 13"),
        (EmbeddedPostgresError("Its log says so."), "^Its log says so.$"),
    ],
)
def test_trouble_of_the_server_is_explained(error: Error, says: str) -> None:
    assert is_expected(error)
    with pytest.raises(type(explained(error)), match=says):
        raise explained(error)
    assert "\n" not in str(explained(error))


class WithCode(psycopg2.Error):
    """An error of the server with its code, which psycopg2 itself sets only from an answer."""

    def __init__(self, code: str) -> None:
        super().__init__("what the server said.")
        self.code = code

    @property
    def pgcode(self) -> str:  # type: ignore[override]
        return self.code


@pytest.mark.parametrize(
    ("kind", "code", "says"),
    [
        (ProgrammingError, "42P01", "manage.py migrate"),
        (OperationalError, "53100", "disk is full"),
        (OperationalError, "53300", "no more connections"),
        (OperationalError, "57P01", "connection to the database was lost"),
        (OperationalError, "57014", "The database failed. Try again"),
    ],
)
def test_what_the_server_said_is_explained(kind: type[Error], code: str, says: str) -> None:
    error = raised(kind, WithCode(code))
    assert says in str(explained(error))
    assert str(explained(error)).endswith("(what the server said).")
    assert is_expected(error)


def test_a_mistake_of_ours_is_not_expected() -> None:
    assert not is_expected(raised(IntegrityError, errors.UniqueViolation("duplicate")))
