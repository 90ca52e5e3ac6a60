"""Numbers as the person sees them: what a cell's number format makes of its value.

ECMA-376 part 1, 18.8.31. Formats that cannot be honoured without the machine of the person who
made the file (colours aside: conditions, fractions, calendars) show the number as `General` does.
"""

import math
import re
from collections.abc import Callable
from functools import lru_cache

from segments.importing.formats.xlsx.dates import Tokens, shown_date

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
    """The part that is for `number`, and the number without a sign that the part replaces."""
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
    """Whether a part has a condition or is a fraction."""
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
    """A number not under zero, in a pattern of 0, #, ?, a comma and a point."""
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
    """A number whose digits stand among other signs, such as 000-00-0000."""
    if any(kind not in ("digit", "literal") for kind, _ in tokens):
        return None
    digits = str(round(abs(number)))
    room = sum(kind == "digit" for kind, _ in tokens)
    digits = digits.rjust(room, "0")
    surplus = len(digits) - room
    each = iter([digits[: surplus + 1], *digits[surplus + 1 :]])
    shown = [next(each) if kind == "digit" else text for kind, text in tokens]
    return ("-" if number < 0 else "") + "".join(shown)
