"""The values of options as people write them: checked, or refused by name with a remedy."""

import codecs
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation

from segments.exceptions import OptionRefused
from segments.files.splitting import MOST_TOKENS, SEPARATOR_CHARS

DELIMITER_NAMES = {
    "tab": "\t",
    "\\t": "\t",
    "comma": ",",
    "semicolon": ";",
    "pipe": "|",
    "colon": ":",
    "space": " ",
}
TRUE_WORDS = frozenset({"true", "1", "yes", "on"})
FALSE_WORDS = frozenset({"false", "0", "no", "off", ""})
# Python codecs that are not encodings of text files.
NOT_OF_FILES = frozenset(
    {"idna", "punycode", "raw-unicode-escape", "unicode-escape", "undefined", "utf-7"}
)
LAST_HEADER_ROW = 1_048_576


def word_of(name: str, value: object, words: Iterable[str]) -> str:
    """One of `words`, in any case.

    Raises:
        OptionRefused: it is none.
    """
    word = str(value).strip().lower()
    words = list(words)
    if word not in words:
        raise OptionRefused(name, f"“{value}” is not known.", f"Use one of: {', '.join(words)}.")
    return word


def switch(value: object) -> bool:
    """True or false, by the words people use for them.

    Raises:
        OptionRefused: it is none.
    """
    word = str(value).strip().lower()
    if word not in TRUE_WORDS | FALSE_WORDS:
        raise OptionRefused("no_header", f"“{value}” is neither true nor false.", "Use one.")
    return word in TRUE_WORDS


def mapping(value: object) -> dict[str, str]:
    """A mapping, or words of the form `part=column`."""
    if isinstance(value, Mapping):
        return {
            str(part): "\n".join(map(str, column)) if isinstance(column, list) else str(column)
            for part, column in value.items()
        }
    words = [value] if isinstance(value, str) else list(iterated(value))
    pairs: dict[str, str] = {}
    for word in words:
        part, equals, column = str(word).partition("=")
        if not equals or not part.strip() or not column.strip():
            raise OptionRefused("map", f"“{word}” is not a mapping.", "Write content=NAME.")
        if part.strip() in ("content", "question") and part.strip() in pairs:
            pairs[part.strip()] += f"\n{column.strip()}"
            continue
        if part.strip() in pairs:
            raise OptionRefused("map", f"{part.strip()} is given twice.", "Give it once.")
        pairs[part.strip()] = column.strip()
    return pairs


def row_number(value: object) -> int:
    """The number of a header's row, from 1.

    Raises:
        OptionRefused: it is none.
    """
    word = str(value).strip()
    if not word.isdecimal() or not 1 <= int(word) <= LAST_HEADER_ROW:
        raise OptionRefused("header_row", f"“{value}” is not the number of a row.", "Count from 1.")
    return int(word)


def sheets(value: object) -> tuple[str, ...]:
    """The names of sheets: one, or several."""
    given = [value] if isinstance(value, str) or not isinstance(value, Iterable) else list(value)
    return tuple(dict.fromkeys(str(name) for name in given if str(name).strip()))


def template(value: object) -> str:
    """A text that names columns in braces.

    Raises:
        OptionRefused: it is none.
    """
    text = str(value)
    if "{" not in text:
        raise OptionRefused("template", "it names no column.", "Write {Name} for a column.")
    return text


def iterated(value: object) -> Iterable[object]:
    """The words of a mapping, one by one.

    Raises:
        OptionRefused: it is none.
    """
    if not isinstance(value, Iterable):
        raise OptionRefused("map", f"“{value}” is not a mapping.", "Write content=NAME.")
    return value


def encoding(value: object) -> str:
    """The name of a text encoding as Python spells it."""
    try:
        codec = codecs.lookup(str(value).strip())
    except (LookupError, ValueError) as unknown:
        hint = "Use utf-8, utf-16, gb18030, windows-1252, shift-jis or another charset's name."
        raise OptionRefused("encoding", f"“{value}” is not known.", hint) from unknown
    if not codec._is_text_encoding or codec.name in NOT_OF_FILES:
        raise OptionRefused(
            "encoding", f"“{value}” is not an encoding of text files.", "Use another."
        )
    return codec.name


def delimiter(value: object) -> str:
    """One character, by itself or by its name.

    Raises:
        OptionRefused: it is none.
    """
    word = str(value)
    delimiter = DELIMITER_NAMES.get(word.strip().lower(), word)
    if len(delimiter) != 1 or delimiter in '"\r\n\0' or delimiter.isalnum():
        hint = "Use one character, such as ; or | – or the word tab."
        raise OptionRefused("delimiter", f"“{value}” cannot separate cells.", hint)
    return delimiter


def separator(value: object) -> str:
    """What a text is cut at; a backslash and n stand for the end of a line.

    Raises:
        OptionRefused: it is none.
    """
    text = str(value).replace("\\n", "\n").replace("\\t", "\t")
    if len(text) > SEPARATOR_CHARS:
        raise OptionRefused(
            "separator", "it is too long.", f"Use at most {SEPARATOR_CHARS} characters."
        )
    return text


def tokens_between(name: str, value: object, least: int) -> int:
    """A number of tokens, from `least` on.

    Raises:
        OptionRefused: it is none.
    """
    word = str(value).strip()
    if not (word.isascii() and word.isdecimal()) or not least <= int(word) <= MOST_TOKENS:
        hint = f"Use a whole number from {least} to {MOST_TOKENS:,}."
        raise OptionRefused(name, f"“{value}” is not a number of tokens.", hint)
    return int(word)


def amount_of(name: str, value: object, *, whole: bool) -> Decimal:
    """A limit: a number from 0.

    Raises:
        OptionRefused: it is none.
    """
    try:
        amount = Decimal(str(value).strip())
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount < 0 or (whole and amount != int(amount)):
        what = "a whole number" if whole else "a number"
        raise OptionRefused(name, f"“{value}” is not {what} from 0.", "Leave it out for no limit.")
    return amount
