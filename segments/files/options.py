"""ImportOptions: how a file is read and what it does to its document, the same from every source.

The fields have the names of the command's options (`--on-error` is `on_error`) and of the API's
form fields; `from_fields` reads them as people write them, `as_json` is what an import keeps.
"""

import codecs
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from enum import StrEnum
from typing import Any, Self

from django.db.models import TextChoices

from segments.exceptions import OptionRefused
from segments.files.splitting import LEAST_TOKENS, MOST_TOKENS, SEPARATOR_CHARS, SplitRule
from segments.files.types import JSONValue

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


# What stands for every sheet that is not hidden, where no sheet has this name.
ALL_SHEETS = frozenset({"*", "all"})
LAST_HEADER_ROW = 1_048_576


class ImportMode(TextChoices):
    """What an import does with existing segments."""

    APPEND = "append", "Append"
    SKIP = "skip", "Skip what exists"
    UPSERT = "upsert", "Update or insert"
    REPLACE = "replace", "Replace all"
    SYNC = "sync", "Update, insert and remove"


class OnError(TextChoices):
    """What an import with bad rows publishes."""

    ABORT = "abort", "Publish nothing"
    SKIP = "skip", "Publish the good rows"


class EmbedWhen(TextChoices):
    """When rows get their vectors."""

    NOW = "now", "Before publishing"
    LATER = "later", "After publishing; until then full-text search finds them"


class UnknownColumns(StrEnum):
    """What happens to columns Segmill does not know: a notice, or metadata."""

    REPORT = "report"
    METADATA = "metadata"


class ReadAs(StrEnum):
    """What a file is read as; empty, where its content and its name tell."""

    TABLE = "table"
    TEXT = "text"


class Cleaning(StrEnum):
    """What is removed from a text before it is cut; the names are Dify's."""

    SPACES = "remove_extra_spaces"
    ADDRESSES = "remove_urls_emails"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions:
    """How a file is read and what it does to the document.

    * `map` says which column is which part: {"content": "Frage"}; a column of a file without a
      header is named by its number ("1").
    * `header_row` is the line of the header; without it, it is looked for.
    * `template` writes the content from several columns: "{Name}: {Price}".
    * Empty `encoding` and `delimiter` mean: found out from the file; without `sheet`, the first
      that has rows is read, and with `ALL_SHEETS` every one that is not hidden.
    * `embed` later publishes the rows for full text at once; their vectors follow.
    * `read_as` says that a text is a table or none.
    * A document is cut into pieces of at most `chunk_tokens` that repeat up to `chunk_overlap`
      tokens; with a `separator` wherever that stands. `cleaning` is what
      is removed before.
    * `max_tokens` and `max_cost` fail the import before anything is embedded.
    """

    mode: ImportMode = ImportMode.APPEND

    on_error: OnError = OnError.ABORT
    map: Mapping[str, str] = field(default_factory=dict)
    no_header: bool = False
    header_row: int | None = None
    template: str = ""
    unknown: UnknownColumns = UnknownColumns.REPORT
    embed: EmbedWhen = EmbedWhen.NOW
    encoding: str = ""
    delimiter: str = ""
    sheet: tuple[str, ...] = ()
    max_tokens: int | None = None
    max_cost: Decimal | None = None
    read_as: str = ""
    separator: str = ""
    chunk_tokens: int | None = None
    chunk_overlap: int | None = None
    cleaning: tuple[str, ...] = ()

    @property
    def split_rule(self) -> SplitRule:
        """How a document is cut: the usual way, but for what the options say."""
        usual = SplitRule()
        most = self.chunk_tokens or usual.max_tokens
        repeated = 0 if self.separator else min(usual.overlap, most // 10)
        cleaning = self.cleaning or (Cleaning.SPACES,)
        return SplitRule(
            max_tokens=most,
            overlap=repeated if self.chunk_overlap is None else min(self.chunk_overlap, most - 1),
            separator=self.separator,
            remove_extra_spaces=Cleaning.SPACES in cleaning,
            remove_addresses=Cleaning.ADDRESSES in cleaning,
        )

    @property
    def tells_of_table(self) -> bool:
        """Whether something is said that only a table has."""
        return bool(
            self.map or self.no_header or self.header_row or self.template or self.delimiter
        )

    @classmethod
    def from_fields(cls, given: Mapping[str, object]) -> Self:
        """Options from text fields: words, or lists of them for `map`.

        Fields that are missing, None or empty keep their defaults.

        Raises:
            OptionRefused: a field is unknown or its value cannot be used; the text says which.
        """
        known = [option.name for option in fields(cls)]
        for name in given:
            if name not in known:
                nearest = get_close_matches(name, known, n=1)
                hint = f"Did you mean “{nearest[0]}”?" if nearest else "Remove it."
                raise OptionRefused(name, "this option does not exist.", hint)
        values = {name: value for name, value in given.items() if value not in (None, "", [])}
        return cls(**{name: _PARSERS[name](value) for name, value in values.items()})

    @classmethod
    def from_json(cls, stored: Mapping[str, JSONValue]) -> Self:
        """The options that `as_json` has written."""
        return cls.from_fields(stored)

    def as_json(self) -> dict[str, JSONValue]:
        """The options that differ from the defaults, for storing."""
        plain: dict[str, JSONValue] = {
            "mode": self.mode.value,
            "on_error": self.on_error.value,
            "map": dict(self.map),
            "no_header": self.no_header,
            "header_row": self.header_row,
            "template": self.template,
            "unknown": self.unknown.value,
            "embed": "" if self.embed == EmbedWhen.NOW else self.embed.value,
            "encoding": self.encoding,
            "delimiter": self.delimiter,
            "sheet": list(self.sheet),
            "max_tokens": self.max_tokens,
            "max_cost": None if self.max_cost is None else str(self.max_cost),
            "read_as": self.read_as,
            "separator": self.separator,
            "chunk_tokens": self.chunk_tokens,
            "chunk_overlap": None if self.chunk_overlap is None else str(self.chunk_overlap),
            "cleaning": list(self.cleaning),
        }
        return {
            name: value for name, value in plain.items() if value not in (None, "", False, {}, [])
        }

    def with_map(self, columns: Mapping[str, str]) -> Self:
        """The same options with another mapping."""
        return replace(self, map=dict(columns))


def _mode(value: object) -> ImportMode:
    return ImportMode(_word("mode", value, ImportMode.values))


def _on_error(value: object) -> OnError:
    return OnError(_word("on_error", value, OnError.values))


def _unknown(value: object) -> UnknownColumns:
    return UnknownColumns(_word("unknown", value, [member.value for member in UnknownColumns]))


def _embed(value: object) -> EmbedWhen:
    return EmbedWhen(_word("embed", value, EmbedWhen.values))


def _word(name: str, value: object, words: Iterable[str]) -> str:
    word = str(value).strip().lower()
    words = list(words)
    if word not in words:
        raise OptionRefused(name, f"“{value}” is not known.", f"Use one of: {', '.join(words)}.")
    return word


def _switch(value: object) -> bool:
    word = str(value).strip().lower()
    if word not in TRUE_WORDS | FALSE_WORDS:
        raise OptionRefused("no_header", f"“{value}” is neither true nor false.", "Use one.")
    return word in TRUE_WORDS


def _map(value: object) -> dict[str, str]:
    """A mapping, or words of the form `part=column`."""
    if isinstance(value, Mapping):
        return {
            str(part): "\n".join(map(str, column)) if isinstance(column, list) else str(column)
            for part, column in value.items()
        }
    words = [value] if isinstance(value, str) else list(_iterated(value))
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


def _row_number(value: object) -> int:
    word = str(value).strip()
    if not word.isdecimal() or not 1 <= int(word) <= LAST_HEADER_ROW:
        raise OptionRefused("header_row", f"“{value}” is not the number of a row.", "Count from 1.")
    return int(word)


def _sheets(value: object) -> tuple[str, ...]:
    """The names of sheets: one, or several."""
    given = [value] if isinstance(value, str) or not isinstance(value, Iterable) else list(value)
    return tuple(dict.fromkeys(str(name) for name in given if str(name).strip()))


def _template(value: object) -> str:
    text = str(value)
    if "{" not in text:
        raise OptionRefused("template", "it names no column.", "Write {Name} for a column.")
    return text


def _iterated(value: object) -> Iterable[object]:
    if not isinstance(value, Iterable):
        raise OptionRefused("map", f"“{value}” is not a mapping.", "Write content=NAME.")
    return value


def _encoding(value: object) -> str:
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


def _delimiter(value: object) -> str:
    word = str(value)
    delimiter = DELIMITER_NAMES.get(word.strip().lower(), word)
    if len(delimiter) != 1 or delimiter in '"\r\n\0' or delimiter.isalnum():
        hint = "Use one character, such as ; or | – or the word tab."
        raise OptionRefused("delimiter", f"“{value}” cannot separate cells.", hint)
    return delimiter


def _tokens(value: object) -> int:
    return int(_amount("max_tokens", value, whole=True))


def _cost(value: object) -> Decimal:
    return _amount("max_cost", value, whole=False)


def _amount(name: str, value: object, *, whole: bool) -> Decimal:
    try:
        amount = Decimal(str(value).strip())
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount < 0 or (whole and amount != int(amount)):
        what = "a whole number" if whole else "a number"
        raise OptionRefused(name, f"“{value}” is not {what} from 0.", "Leave it out for no limit.")
    return amount


def _read_as(value: object) -> str:
    return _word("read_as", value, [member.value for member in ReadAs])


def _separator(value: object) -> str:
    text = str(value).replace("\\n", "\n").replace("\\t", "\t")
    if len(text) > SEPARATOR_CHARS:
        raise OptionRefused(
            "separator", "it is too long.", f"Use at most {SEPARATOR_CHARS} characters."
        )
    return text


def _chunk_tokens(value: object) -> int:
    return _between("chunk_tokens", value, LEAST_TOKENS)


def _chunk_overlap(value: object) -> int:
    return _between("chunk_overlap", value, 0)


def _between(name: str, value: object, least: int) -> int:
    word = str(value).strip()
    if not (word.isascii() and word.isdecimal()) or not least <= int(word) <= MOST_TOKENS:
        hint = f"Use a whole number from {least} to {MOST_TOKENS:,}."
        raise OptionRefused(name, f"“{value}” is not a number of tokens.", hint)
    return int(word)


def _cleaning(value: object) -> tuple[str, ...]:
    words = [value] if isinstance(value, str) else list(_iterated(value))
    known = [member.value for member in Cleaning]
    return tuple(dict.fromkeys(_word("cleaning", word, known) for word in words))


_PARSERS: Mapping[str, Callable[[object], Any]] = {
    "mode": _mode,
    "on_error": _on_error,
    "map": _map,
    "no_header": _switch,
    "header_row": _row_number,
    "template": _template,
    "unknown": _unknown,
    "embed": _embed,
    "encoding": _encoding,
    "delimiter": _delimiter,
    "sheet": _sheets,
    "max_tokens": _tokens,
    "max_cost": _cost,
    "read_as": _read_as,
    "separator": _separator,
    "chunk_tokens": _chunk_tokens,
    "chunk_overlap": _chunk_overlap,
    "cleaning": _cleaning,
}
