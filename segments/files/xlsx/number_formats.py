"""Shows numbers and dates of cells as Excel does, by their number formats.

By hand: openpyxl and calamine give the number in a cell; no package on PyPI gives its text.
"""

import math
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import lru_cache

MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


SERIAL_1900 = datetime(1899, 12, 30)  # noqa: DTZ001  (a spreadsheet's dates have no zone)
SERIAL_1904 = datetime(1904, 1, 1)  # noqa: DTZ001
# Excel treats 1900 as a leap year: before its 60th day, numbers mean the day after.
FALSE_LEAP_DAY = 60
LAST_SERIAL = 2_958_466  # the day after 9999-12-31

Tokens = list[tuple[str, str]]
"""The pieces of a number format: kind and text."""


def moment(serial: float, is_1904: bool = False) -> datetime | None:
    """The date and time that a number means; None outside of 1900 to 9999."""
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
    """The date in a format of these tokens; None if the number is not a date."""
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


TOKEN = re.compile(
    r"""
    "(?P<quoted>[^"]*)"? | \\(?P<escaped>.) | _(?P<width>.) | \*(?P<fill>.)
    | \[(?P<bracket>[^\]]*)\] | (?P<clock>(?i:AM/PM|A/P)) | (?P<general>(?i:General))
    | (?P<date>(?i:y+|m+|d+|h+|s+)) | (?P<second_part>\.0+(?=[^0\#?]|$)) | (?P<exponent>[Ee][+-])
    | (?P<digit>[0\#?]) | (?P<any>.)
    """,
    re.VERBOSE | re.DOTALL,
)
COLOURS = frozenset({"black", "blue", "cyan", "green", "magenta", "red", "white", "yellow"})
ELAPSED = re.compile(r"(h+|m+|s+)$", re.IGNORECASE)
CURRENCY = re.compile(r"\$([^-]*)(?:-[0-9A-Fa-f]+)?$")
PLAIN_BELOW = 1e15  # a float holds 15 digits; larger numbers are written with an exponent

Show = Callable[[float], str | None]


def general(number: float) -> str:
    """A number as `General` shows it in a column that is wide enough."""
    if number == int(number) and abs(number) < PLAIN_BELOW:
        return str(int(number))
    return f"{number:.15g}".upper()


def display(number: float, code: str, is_1904: bool = False) -> str:
    """`number` in the format `code`."""
    if not math.isfinite(number):
        return str(number)
    shown = _compiled(code, is_1904)(number)
    return general(number) if shown is None else shown


@lru_cache(maxsize=1_000)
def _compiled(code: str, is_1904: bool) -> Show:
    sections = [_tokens(section) for section in _sections(code)]
    if any(_is_unknown(tokens) for tokens in sections) or len(sections) > 4:
        return general

    def show(number: float) -> str | None:
        tokens, value = _section(sections, number)
        kinds = {kind for kind, _ in tokens}
        if "general" in kinds or "text" in kinds:
            return general(number)
        if kinds & {"date", "elapsed", "clock"}:
            return shown_date(tokens, value, is_1904)
        return _decimal(tokens, value)

    return show


def _sections(code: str) -> list[str]:
    """A format's parts for positive, negative, zero and text, cut at semicolons outside quotes."""
    parts, part, place = [], "", 0
    while place < len(code):
        match = TOKEN.match(code, place)
        word = match[0] if match else code[place]
        if word == ";":
            parts.append(part)
            part = ""
        else:
            part += word
        place += len(word)
    return [*parts, part]


def _section(sections: list[Tokens], number: float) -> tuple[Tokens, float]:
    """The section for `number`, and the number without a sign that the section replaces."""
    if len(sections) >= 3 and number == 0:
        return sections[2], number
    if len(sections) >= 2 and number < 0:
        return sections[1], -number
    return sections[0], number


def _tokens(section: str) -> Tokens:
    tokens: Tokens = []
    for match in TOKEN.finditer(section):
        kind = match.lastgroup or "any"
        text = match[kind]
        if kind in ("quoted", "escaped"):
            tokens.append(("literal", text))
        elif kind == "width":
            tokens.append(("literal", " "))
        elif kind == "bracket":
            tokens.append(_bracket(text))
        elif kind == "any":
            tokens.append(_mark(text))
        elif kind != "fill":
            tokens.append((kind, text))
    return tokens


def _bracket(text: str) -> tuple[str, str]:
    if currency := CURRENCY.match(text):
        return "literal", currency[1]
    if ELAPSED.match(text):
        return "elapsed", text.lower()
    if text.lower() in COLOURS or text.lower().startswith("color"):
        return "literal", ""
    return "unknown", text


def _mark(text: str) -> tuple[str, str]:
    kinds = {"@": "text", "%": "percent", ".": "point", ",": "comma", "/": "slash"}
    return kinds.get(text, "literal"), text


def _is_unknown(tokens: Tokens) -> bool:
    """Whether a section has a condition or is a fraction."""
    kinds = [kind for kind, _ in tokens]
    is_fraction = "slash" in kinds and "digit" in kinds and "date" not in kinds
    return "unknown" in kinds or is_fraction


def _decimal(tokens: Tokens, number: float) -> str | None:
    kinds = [kind for kind, _ in tokens]
    places = [
        place
        for place, kind in enumerate(kinds)
        if kind in ("digit", "point", "comma", "second_part")
    ]
    if not places:
        return "".join(text for _, text in tokens)
    first, last = places[0], places[-1]
    if any(kind in ("literal",) and text for kind, text in tokens[first:last]):
        return _patterned(tokens, number)
    pattern = "".join(text for _, text in tokens[first : last + 1])
    scaled = number * 100 ** kinds.count("percent")
    before = "".join(text for _, text in tokens[:first])
    after = "".join(text for _, text in tokens[last + 1 :])
    if "exponent" in kinds:
        return _scientific(tokens, scaled)
    sign = "-" if scaled < 0 else ""
    body = _digits(pattern, abs(scaled))
    return f"{sign if body.strip('0.,') else ''}{before}{body}{after}"


def _digits(pattern: str, number: float) -> str:
    """A number that is not negative, in a pattern of 0, #, ?, a comma and a point."""
    whole, _, fraction = pattern.partition(".")
    thousands = len(whole) - len(whole.rstrip(","))
    whole = whole.rstrip(",")
    text = f"{number / 1000**thousands:.{len(fraction)}f}"
    integer, _, decimals = text.partition(".")
    integer = integer.lstrip("0").rjust(whole.count("0"), "0")
    optional = len(fraction) - len(fraction.rstrip("#?"))
    kept = decimals[len(decimals) - optional :].rstrip("0") if optional else ""
    decimals = decimals[: len(decimals) - optional] + kept
    if "," in whole:
        integer = _grouped(integer)
    point = "." if "." in pattern else ""
    return f"{integer}{point}{decimals}"


def _grouped(integer: str) -> str:
    head = len(integer) % 3
    groups = [integer[:head]] if head else []
    groups += [integer[place : place + 3] for place in range(head, len(integer), 3)]
    return ",".join(groups)


def _scientific(tokens: Tokens, number: float) -> str | None:
    pattern = "".join(
        text for kind, text in tokens if kind in ("digit", "point", "second_part", "exponent")
    )
    mantissa, mark, exponent = pattern.partition("E+" if "E+" in pattern else "E-")
    if len(mantissa.partition(".")[0]) != 1:
        return None
    decimals = len(mantissa.partition(".")[2])
    digits, _, power = f"{number:.{decimals}e}".partition("e")
    sign = "-" if int(power) < 0 else ("+" if mark == "E+" else "")
    return f"{digits}E{sign}{abs(int(power)):0{len(exponent)}d}"


def _patterned(tokens: Tokens, number: float) -> str | None:
    """A number whose digits are mixed with other characters, such as 000-00-0000."""
    if any(kind not in ("digit", "literal") for kind, _ in tokens):
        return None
    digits = str(round(abs(number)))
    room = sum(kind == "digit" for kind, _ in tokens)
    digits = digits.rjust(room, "0")
    surplus = len(digits) - room
    each = iter([digits[: surplus + 1], *digits[surplus + 1 :]])
    shown = [next(each) if kind == "digit" else text for kind, text in tokens]
    return ("-" if number < 0 else "") + "".join(shown)
