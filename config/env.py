"""The only reader of the process environment: every setting of Segmill passes through here.

A value that cannot be understood never stops the start with a traceback. It is noted in
`PROBLEMS`, the default is used, and a system check (`segments.E001`) refuses the start with
the variable's name, the value and what to set instead.

By hand rather than by environs, which refuses the blank value that a compose file leaves and a
blank after a word, does not fall back to the default, and adds 80 ms to the start of every process.
"""

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

from config.queue import database_number

T = TypeVar("T")

SWITCH_WORDS = {"1": True, "true": True, "yes": True, "on": True}
SWITCH_WORDS |= {"0": False, "false": False, "no": False, "off": False}
# A terabyte, or 30,000 years: a larger number is a mistake.
LARGEST_NUMBER = 10**12
HIDDEN = "[hidden]"
# The placeholder in docs/deploy/segmill.env for values to fill in; everybody knows it.
PLACEHOLDER = re.compile(r"<[^<>]+>")
REDIS_SCHEMES = frozenset({"redis", "rediss", "unix"})


@dataclass(frozen=True, slots=True)
class EnvProblem:
    """A variable whose value is invalid, and what would be valid.

    The value of an address is left out, because it may contain a password.
    """

    name: str
    value: str
    expected: str


PROBLEMS: list[EnvProblem] = []


@register()
def check_environment(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """`segments.E001`: an environment variable with an invalid value."""
    return [
        Error(
            f"{problem.name} is “{problem.value}”, which is not valid.",
            hint=f"Set {problem.name} to {problem.expected}, or remove it for the default.",
            id="segments.E001",
        )
        for problem in PROBLEMS
    ]


@register(Tags.security, deploy=True)
def check_https(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """`segments.W017`: served by plain HTTP; one variable sets all that Django warns of."""
    if settings.SEGMILL_HTTPS:
        return []
    return [
        Warning(
            "People come by plain HTTP: passwords and keys can be read on the way.",
            hint="Serve it by HTTPS (docs/deploy) and set SEGMILL_HTTPS=true in the environment: "
            "that sets SECURE_HSTS_SECONDS, SECURE_SSL_REDIRECT, SESSION_COOKIE_SECURE and "
            "CSRF_COOKIE_SECURE, which Django names.",
            id="segments.W017",
        )
    ]


def text(name: str, default: str = "") -> str:
    """The variable without surrounding blanks; a placeholder that was left in is a problem."""
    value = verbatim(name).strip()
    if PLACEHOLDER.fullmatch(value):
        PROBLEMS.append(EnvProblem(name, value, "a value of your own"))
        return default
    return value or default


def verbatim(name: str) -> str:
    """The variable with its blanks, for text that is put in front of other text."""
    return os.environ.get(name, "")


def amount(name: str, default: Decimal) -> Decimal:
    """A decimal number that is not negative, exact as prices are."""

    def parse(value: str) -> Decimal:
        number = Decimal(value)
        if not number.is_finite() or number < 0:
            raise ValueError(value)
        return number

    return _parsed(name, default, parse, "a number such as 0.02")


def whole_number(
    name: str, default: int, *, minimum: int = 0, maximum: int = LARGEST_NUMBER
) -> int:
    """A whole number from `minimum` to `maximum`; underscores may group its digits."""

    def parse(value: str) -> int:
        number = int(value)
        if not minimum <= number <= maximum:
            raise ValueError(value)
        return number

    return _parsed(name, default, parse, f"a whole number from {minimum:,} to {maximum:,}")


def choice(name: str, default: str, *, of: Sequence[str]) -> str:
    """One of the words `of`, in any case."""

    def parse(value: str) -> str:
        return next(word for word in of if word.casefold() == value.casefold())

    return _parsed(name, default, parse, f"one of: {', '.join(of)}")


def switch(name: str, *, default: bool) -> bool:
    """A yes or a no, in any of the usual words."""
    return _parsed(name, default, lambda value: SWITCH_WORDS[value.lower()], "one of: true, false")


def words(name: str, default: str = "") -> list[str]:
    """A comma-separated list, blanks around each item removed, empty items left out."""
    return [item.strip() for item in text(name, default).split(",") if item.strip()]


def folder(name: str, default: Path) -> Path:
    """An absolute path; a relative one counts from the current folder."""
    value = text(name)
    return (Path(value).expanduser() if value else default).resolve()


def tell_libraries(name: str, value: str) -> None:
    """Set a variable that libraries read, unless the environment already has it."""
    os.environ.setdefault(name, value)


def of_installation(home: Path) -> dict[str, str]:
    """This environment for a process of another installation: at `home`, with its own servers."""
    servers = ("DATABASE_URL", "SEGMILL_REPLICA_URLS", "REDIS_URL", "SEGMILL_CACHE_URL")
    return os.environ | dict.fromkeys(servers, "") | {"SEGMILL_HOME": str(home)}


def redis_url(name: str, default: str = "") -> str:
    """The address of a Redis database; empty for none."""

    def parse(value: str) -> str:
        if urlsplit(value).scheme not in REDIS_SCHEMES:
            raise ValueError(value)
        database_number(value)
        return value

    return _parsed(name, default, parse, "an address like redis://host:6379/0", shown=HIDDEN)


def _parsed(name: str, default: T, parse: Callable[[str], T], expected: str, shown: str = "") -> T:
    value = text(name)
    if not value:
        return default
    try:
        return parse(value)
    except (ValueError, KeyError, InvalidOperation, StopIteration):
        PROBLEMS.append(EnvProblem(name, shown or value, expected))
        return default
