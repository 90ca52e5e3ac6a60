"""The log: text for people, or one JSON object a line for machines; never with secrets."""

import json
import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import unquote, urlsplit

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

from segments.jobs import log_context

TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s%(about)s"
# The record's names and those in the object; the context fields come in addition.
JSON_FIELDS = {"levelname": "level", "name": "logger", "message": "message", "process": "process"}
HIDDEN = "[hidden]"
# A shorter setting is hardly a secret, and would be found in the middle of words.
SHORTEST_SECRET = 6
# What looks like a secret, wherever it comes from: keys of ours and of OpenAI's kind, bearer
# tokens, and passwords in addresses.
LOOKS_SECRET = re.compile(
    r"""(?P<shown>\bBearer(?:\s|\\t)+)[^\s"']+
    | (?P<address>://[^/\s:@]*:)[^\s"'@]+(?=@)
    | \bdataset-[A-Za-z0-9]{32}\b
    | \bsk-[A-Za-z0-9_-]{8,}""",
    re.IGNORECASE | re.VERBOSE,
)


class AboutFilter(logging.Filter):
    """Adds the context fields to each record."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Nothing is left out."""
        fields = log_context.current()
        record.about = _in_brackets(fields)
        for name, value in fields.items():
            if not hasattr(record, name):
                setattr(record, name, value)
        return True


class _Discreet:
    """Hides secrets in the output of the formatter beside it, including tracebacks."""

    def __init__(self, *args: Any, secrets: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._known = _pattern_of(secrets)

    def format(self, record: logging.LogRecord) -> str:
        """The line, without secrets."""
        line: str = super().format(record)  # type: ignore[misc]
        return LOOKS_SECRET.sub(_hidden, self._known.sub(HIDDEN, line))


class TextFormatter(_Discreet, logging.Formatter):
    """A line for people."""


class JSONLinesFormatter(_Discreet, JsonFormatter):
    """An object for machines."""


def logging_from(level: str, form: str, secrets: Iterable[str]) -> dict[str, Any]:
    """Django's LOGGING: to standard error, in the format `form`, from `level` upwards."""
    known = [secret for secret in secrets if len(secret) >= SHORTEST_SECRET]
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"about": {"()": AboutFilter}},
        "formatters": {
            "text": {"()": TextFormatter, "fmt": TEXT, "secrets": known},
            "json": {
                "()": JSONLinesFormatter,
                "fmt": list(JSON_FIELDS),
                "rename_fields": JSON_FIELDS,
                "reserved_attrs": [*RESERVED_ATTRS, "about"],
                "timestamp": "time",
                "json_ensure_ascii": False,
                "secrets": known,
            },
        },
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "formatter": form,
                "filters": ["about"],
            }
        },
        "root": {"handlers": ["stderr"], "level": level},
    }


def password_of(url: str) -> str:
    """The password in an address; empty without one."""
    try:
        return unquote(urlsplit(url).password or "")
    except ValueError:
        return ""


def _pattern_of(secrets: Sequence[str]) -> re.Pattern[str]:
    """Each secret, plain and as JSON writes it, the longest first."""
    written = {
        form
        for secret in secrets
        for form in (secret, json.dumps(secret, ensure_ascii=False)[1:-1])
    }
    longest_first = sorted(written, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")


def _hidden(found: re.Match[str]) -> str:
    return (found["shown"] or found["address"] or "") + HIDDEN


def _in_brackets(fields: Mapping[str, str | int]) -> str:
    listed = [f"{name}={fields[name]}" for name in log_context.FIELDS if name in fields]
    return f" [{' '.join(listed)}]" if listed else ""
