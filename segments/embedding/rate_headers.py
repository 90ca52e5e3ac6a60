"""What the headers of an answer say of how soon to ask again."""

import re
import time
from email.utils import parsedate_to_datetime
from math import isfinite
from typing import Any

# As in `x-ratelimit-reset-tokens: 6m0s` and `120ms`.
DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
UNIT_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def retry_after(headers: Any) -> float | None:
    """The seconds a server asks for: `retry-after-ms`, or `retry-after` (RFC 9110, 10.2.3)."""
    for name, read in (("retry-after-ms", _milliseconds), ("retry-after", _seconds_or_date)):
        try:
            seconds = read(headers[name])
        except (KeyError, ValueError):
            continue
        if isfinite(seconds):
            return max(seconds, 0.0)
    return None


def _milliseconds(value: str) -> float:
    return float(value) / 1000


def _seconds_or_date(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        return parsedate_to_datetime(value).timestamp() - time.time()


def wanted_pause(headers: Any) -> float:
    """How long the endpoint wants no request: until what is used up is filled again."""
    pauses = [
        duration(headers.get(f"x-ratelimit-reset-{what}", ""))
        for what in ("requests", "tokens")
        if headers.get(f"x-ratelimit-remaining-{what}") == "0"
    ]
    return max(pauses, default=0.0)


def duration(text: str) -> float:
    """Seconds of a duration like `6m0s` or `120ms`; 0 if it is none."""
    return sum(float(number) * UNIT_SECONDS[unit] for number, unit in DURATION.findall(text))
