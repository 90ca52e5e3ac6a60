"""What the texts of cells mean: keywords, metadata, switches, ids, guarded formulas."""

import csv
import io
import json
from collections.abc import Sequence
from math import isfinite
from uuid import UUID

from segments.files.types import JSONCell, JSONValue

KEYWORD_SEPARATORS = (",", "，", ";", "；")
# Also the truth values that Excel writes into CSV in German, French, Spanish and Italian, and the
# words for yes and no in those languages and in Chinese.
YES = frozenset(
    {"true", "1", "yes", "y", "on", "wahr", "ja", "vrai", "oui", "verdadero", "sí", "vero", "是"}
)
NO = frozenset({"false", "0", "no", "n", "off", "falsch", "nein", "faux", "non", "falso", "否"})
# Deeper than people write by hand, and far below the limits of Python and PostgreSQL.
DEEPEST_METADATA = 64
# Spreadsheet programs take a text for a formula if it begins like this (OWASP, "CSV Injection").
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
GUARD = "'"


def is_switch(cell: str) -> bool:
    """Whether a cell says yes or no, or nothing."""
    word = cell.strip().lower()
    return not word or word in YES or word in NO


def is_on(cell: str) -> bool:
    """The value of a switch; an empty cell means yes."""
    return cell.strip().lower() not in NO


def keywords_of(cell: str) -> list[str] | None:
    """The keywords of a cell: a JSON array, or separated words; each once.

    Raises:
        ValueError: it starts like a JSON array, but is not one of texts; the text says why.
    """
    if cell.lstrip().startswith("["):
        return _listed_keywords(cell)
    first, *others = KEYWORD_SEPARATORS
    for separator in others:
        cell = cell.replace(separator, first)
    words = dict.fromkeys(word.strip() for word in cell.split(first))
    words.pop("", None)
    return list(words) or None


def keywords_cell(keywords: Sequence[str] | None) -> str:
    """The cell that `keywords_of` reads as these keywords, as simple as possible."""
    if keywords is None:
        return ""
    plain = ", ".join(keywords)
    if keywords and not plain.startswith("[") and keywords_of(plain) == list(keywords):
        return plain
    return json.dumps(list(keywords), ensure_ascii=False)


def metadata_of(cell: str) -> dict[str, JSONValue]:
    """The metadata of a cell, a JSON object; none in a blank one.

    Raises:
        ValueError: it is not a JSON object that can be stored; the text says why.
    """
    if isinstance(cell, JSONCell):
        found = cell.value
    else:
        if not cell.strip():
            return {}
        try:
            found = json.loads(cell, parse_constant=_refuse_constant)
        except RecursionError:
            raise ValueError("it is nested too deeply") from None
    if not isinstance(found, dict):
        raise ValueError("it is not a JSON object")
    check_storable(found)
    return found


def check_storable(value: JSONValue, depth: int = 0) -> None:
    """Refuse a value that PostgreSQL cannot store as jsonb.

    Raises:
        ValueError: the text says why.
    """
    if depth > DEEPEST_METADATA:
        raise ValueError("it is nested too deeply")
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, float) and not isfinite(value):
        raise ValueError("a number in it is too large")
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_text(key)
            check_storable(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            check_storable(item, depth + 1)


def segment_id_of(cell: str) -> UUID | None:
    """The id of a segment, as exports write it; None in a blank cell.

    Raises:
        ValueError: it is not an id.
    """
    return UUID(cell.strip()) if cell.strip() else None


def guarded(cell: str) -> str:
    """The cell, changed so that no spreadsheet program takes it for a formula."""
    return GUARD + cell if is_dangerous(cell) else cell


def is_dangerous(cell: str) -> bool:
    """Whether a spreadsheet program might take the cell for a formula."""
    return cell.startswith(FORMULA_STARTS)


def unguarded(cell: str) -> str:
    """The cell as it was before `guarded`; one that was changed since stays unchanged."""
    if cell.startswith(GUARD) and is_dangerous(cell[len(GUARD) :]):
        return cell[len(GUARD) :]
    return cell


def _listed_keywords(cell: str) -> list[str]:
    if isinstance(cell, JSONCell):
        found = cell.value
    else:
        try:
            found = json.loads(cell)
        except (ValueError, RecursionError):
            raise ValueError("it starts like a JSON array, but is not one") from None
    if not isinstance(found, list) or not all(isinstance(word, str) for word in found):
        raise ValueError("it is a JSON array of something other than texts")
    words = [word for word in found if isinstance(word, str)]
    for word in words:
        _check_text(word)
    return words


def _check_text(text: str) -> None:
    if "\0" in text:
        raise ValueError("it contains a NUL character")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("it contains half a character (a lone surrogate)") from None


def _refuse_constant(word: str) -> None:
    raise ValueError(f"{word} is not a JSON number")


def joined_names(names: Sequence[str]) -> str:
    """The names of columns in one cell; one with a comma is in quotes, as in a CSV file."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(names)
    return line.getvalue()


def split_names(cell: str) -> frozenset[str]:
    """The names that `joined_names` has put into a cell."""
    return frozenset(name.strip() for row in csv.reader([cell]) for name in row)
