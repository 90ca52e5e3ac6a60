"""Dates and times as the person sees them: what a number format makes of a serial number."""

from datetime import datetime, timedelta

MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


SERIAL_1900 = datetime(1899, 12, 30)  # noqa: DTZ001  (a spreadsheet's dates have no zone)
SERIAL_1904 = datetime(1904, 1, 1)  # noqa: DTZ001
# Excel takes 1900 for a leap year: before its 60th day, numbers stand for the day after.
FALSE_LEAP_DAY = 60
LAST_SERIAL = 2_958_466  # the day after 9999-12-31

Tokens = list[tuple[str, str]]
"""The pieces of a number format: kind and text."""


def moment(serial: float, is_1904: bool = False) -> datetime | None:
    """The date and time that a number stands for; None outside of 1900 to 9999."""
    if not 0 <= serial < LAST_SERIAL:
        return None
    base = SERIAL_1904 if is_1904 else SERIAL_1900
    if not is_1904 and serial < FALSE_LEAP_DAY:
        base += timedelta(days=1)
    try:
        return base + timedelta(milliseconds=round(serial * 86_400_000))
    except OverflowError:
        return None


def shown_date(tokens: Tokens, serial: float, is_1904: bool) -> str | None:
    """The date in a format of these tokens; None if the number stands for none."""
    when = moment(serial, is_1904)
    if when is None or serial < 0:
        return None
    if not any(kind == "second_part" for kind, _ in tokens):
        when += timedelta(milliseconds=500)  # seconds are rounded, not cut
    has_clock = any(kind == "clock" for kind, _ in tokens)
    shown = []
    for place, (kind, text) in enumerate(tokens):
        if kind == "date":
            shown.append(_date_part(text.lower(), when, has_clock, _is_minute(tokens, place)))
        elif kind == "elapsed":
            shown.append(_elapsed(text, serial))
        elif kind == "clock":
            shown.append(_clock(text, when))
        elif kind == "second_part":
            shown.append(f"{when.microsecond / 1e6:.{len(text) - 1}f}"[1:])
        else:
            shown.append(text)
    return "".join(shown)


def _is_minute(tokens: Tokens, place: int) -> bool:
    """Whether an m is a minute: it follows an hour or comes before a second."""
    parts = [
        (number, text[0].lower())
        for number, (kind, text) in enumerate(tokens)
        if kind in ("date", "elapsed")
    ]
    at = [number for number, _ in parts].index(place)
    before = parts[at - 1][1] if at else ""
    after = parts[at + 1][1] if at + 1 < len(parts) else ""
    return parts[at][1] == "m" and (before == "h" or after == "s")


def _date_part(text: str, when: datetime, has_clock: bool, is_minute: bool) -> str:
    letter, length = text[0], len(text)
    if letter == "y":
        return f"{when.year % 100:02d}" if length <= 2 else f"{when.year:04d}"
    if letter == "m" and not is_minute:
        name = MONTHS[when.month - 1]
        by_length = {1: str(when.month), 2: f"{when.month:02d}", 3: name[:3], 5: name[0]}
        return by_length.get(length, name)
    if letter == "d":
        name = DAYS[when.weekday()]
        return {1: str(when.day), 2: f"{when.day:02d}", 3: name[:3]}.get(length, name)
    hour = (when.hour % 12 or 12) if has_clock else when.hour
    number = {"h": hour, "m": when.minute, "s": when.second}[letter]
    return f"{number:0{min(length, 2)}d}"


def _elapsed(text: str, serial: float) -> str:
    seconds = round(serial * 86_400)
    number = {"h": seconds // 3600, "m": seconds // 60, "s": seconds}[text[0]]
    return f"{number:0{len(text)}d}"


def _clock(text: str, when: datetime) -> str:
    words = ("AM", "PM") if len(text) > 3 else ("A", "P")
    return words[when.hour >= 12]
