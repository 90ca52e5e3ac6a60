"""What values of metadata are compared as: texts, numbers and times.

Only the text of a value counts, so 10 in a workbook, "10" in JSON and 10 in JSON are the same.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TypeAlias

Scalar: TypeAlias = str | int | float | bool

# As `segments_number_of` and `segments_seconds_of` read what segments have.
NUMBER = re.compile(r" *[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})? *", re.ASCII)
NUMBER_CHARS = 64
TIME = re.compile(
    r"""[ ]*
    (?: (?P<year>[0-9]{4}) (?P<dash>[-/]) (?P<month>[0-9]{2}) (?P=dash) (?P<day>[0-9]{2})
      | (?P<day_first>[0-9]{1,2}) \. (?P<month_second>[0-9]{1,2}) \. (?P<year_last>[0-9]{4}) )
    (?: [T ] (?P<hour>[0-9]{2}) : (?P<minute>[0-9]{2})
      (?: : (?P<second>[0-9]{2}) (?: (?P<part>\.[0-9]{1,6}) [0-9]* )? )?
      [ ]? (?: Z | (?P<zone>[+-]) (?P<zone_hours>[0-9]{2}) :? (?P<zone_minutes>[0-9]{2})? )? )?
    [ ]*""",
    re.VERBOSE | re.ASCII,
)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def number_of(value: Scalar) -> Decimal | None:
    """The number that a value is, or that a text reads as; None if it does not."""
    if isinstance(value, bool):
        return None
    text = str(value)
    return Decimal(text) if len(text) <= NUMBER_CHARS and NUMBER.fullmatch(text) else None


def seconds_of(value: Scalar) -> Decimal | None:
    """The time that a value means, in seconds since 1970; without a zone it is UTC.

    Numbers are seconds already. Texts are read as 2024-05-31, 2024/05/31 or 31.05.2024, with or
    without 14:30, 14:30:00, Z or +02:00 after it. None if it does not read so.
    """
    number = number_of(value)
    if number is not None or not isinstance(value, str):
        return number
    found = TIME.fullmatch(value)
    return _moment(found.groupdict()) if found else None


def _moment(parts: Mapping[str, str | None]) -> Decimal | None:
    year, month, day = (
        int(parts[one] or parts[other] or 0)
        for one, other in (
            ("year", "year_last"),
            ("month", "month_second"),
            ("day", "day_first"),
        )
    )
    hour, minute, second = (int(parts[name] or 0) for name in ("hour", "minute", "second"))
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:  # there is no such day or time
        return None
    away = timedelta(hours=int(parts["zone_hours"] or 0), minutes=int(parts["zone_minutes"] or 0))
    since = moment - EPOCH + (away if parts["zone"] == "-" else -away)
    return Decimal(since // timedelta(seconds=1)) + Decimal(parts["part"] or 0)


def text_of(value: Scalar) -> str:
    """The text that a value is compared as: as JSON writes it, without quotes."""
    return str(value).lower() if isinstance(value, bool) else str(value)
