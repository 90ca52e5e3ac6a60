"""ImportOptions: how a file is read and what it does to its document, the same from every source.

The fields have the names of the command's options (`--on-error` is `on_error`) and of the API's
form fields; `from_fields` reads them as people write them, `as_json` is what an import keeps.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from decimal import Decimal
from difflib import get_close_matches
from enum import StrEnum
from typing import Any, Self

from django.db.models import TextChoices

from segments.exceptions import OptionRefused
from segments.files import option_values as values
from segments.files.splitting import LEAST_TOKENS, SplitRule
from segments.files.types import JSONValue

# What stands for every sheet that is not hidden, where no sheet has this name.
ALL_SHEETS = frozenset({"*", "all"})
CHILD_TOKENS = 200


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

    AUTO = "auto", "Before publishing, unless that takes longer than a minute"
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


class ParentMode(StrEnum):
    """What a passage of a hierarchical document is; the names are Dify's."""

    PARAGRAPH = "paragraph"
    FULL_DOC = "full-doc"


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
    * `embed` later publishes the rows for full text at once; their vectors follow. auto does so
      where embedding them is known to take longer than a minute.
    * `read_as` says that a text is a table or none.
    * A document is cut into pieces of at most `chunk_tokens` that repeat up to `chunk_overlap`
      tokens; with a `separator` wherever that stands. `cleaning` is what
      is removed before. In a hierarchical document these pieces, or the whole (`parent_mode`),
      are the passages; their parts have at most `child_tokens`.
    * `max_tokens` and `max_cost` fail the import before anything is embedded.
    """

    mode: ImportMode = ImportMode.APPEND

    on_error: OnError = OnError.ABORT
    map: Mapping[str, str] = field(default_factory=dict)
    no_header: bool = False
    header_row: int | None = None
    template: str = ""
    unknown: UnknownColumns = UnknownColumns.REPORT
    embed: EmbedWhen = EmbedWhen.AUTO
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
    parent_mode: str = ""
    child_tokens: int | None = None
    child_separator: str = ""

    @property
    def child_rule(self) -> SplitRule:
        """How the passages of a hierarchical document are cut into the parts that are found."""
        return SplitRule(
            max_tokens=self.child_tokens or CHILD_TOKENS,
            overlap=0,
            separator=self.child_separator,
            remove_extra_spaces=False,
        )

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
            "embed": "" if self.embed == EmbedWhen.AUTO else self.embed.value,
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
            "parent_mode": self.parent_mode,
            "child_tokens": self.child_tokens,
            "child_separator": self.child_separator,
        }
        return {
            name: value for name, value in plain.items() if value not in (None, "", False, {}, [])
        }

    def with_map(self, columns: Mapping[str, str]) -> Self:
        """The same options with another mapping."""
        return replace(self, map=dict(columns))


def _mode(value: object) -> ImportMode:
    return ImportMode(values.word_of("mode", value, ImportMode.values))


def _on_error(value: object) -> OnError:
    return OnError(values.word_of("on_error", value, OnError.values))


def _unknown(value: object) -> UnknownColumns:
    return UnknownColumns(
        values.word_of("unknown", value, [member.value for member in UnknownColumns])
    )


def _embed(value: object) -> EmbedWhen:
    return EmbedWhen(values.word_of("embed", value, EmbedWhen.values))


def _tokens(value: object) -> int:
    return int(values.amount_of("max_tokens", value, whole=True))


def _cost(value: object) -> Decimal:
    return values.amount_of("max_cost", value, whole=False)


def _read_as(value: object) -> str:
    return values.word_of("read_as", value, [member.value for member in ReadAs])


def _chunk_tokens(value: object) -> int:
    return values.tokens_between("chunk_tokens", value, LEAST_TOKENS)


def _chunk_overlap(value: object) -> int:
    return values.tokens_between("chunk_overlap", value, 0)


def _parent_mode(value: object) -> str:
    return values.word_of("parent_mode", value, [member.value for member in ParentMode])


def _child_tokens(value: object) -> int:
    return values.tokens_between("child_tokens", value, LEAST_TOKENS)


def _child_separator(value: object) -> str:
    return values.separator(value)


def _cleaning(value: object) -> tuple[str, ...]:
    words = [value] if isinstance(value, str) else list(values.iterated(value))
    known = [member.value for member in Cleaning]
    return tuple(dict.fromkeys(values.word_of("cleaning", word, known) for word in words))


_PARSERS: Mapping[str, Callable[[object], Any]] = {
    "mode": _mode,
    "on_error": _on_error,
    "map": values.mapping,
    "no_header": values.switch,
    "header_row": values.row_number,
    "template": values.template,
    "unknown": _unknown,
    "embed": _embed,
    "encoding": values.encoding,
    "delimiter": values.delimiter,
    "sheet": values.sheets,
    "max_tokens": _tokens,
    "max_cost": _cost,
    "read_as": _read_as,
    "separator": values.separator,
    "chunk_tokens": _chunk_tokens,
    "chunk_overlap": _chunk_overlap,
    "cleaning": _cleaning,
    "parent_mode": _parent_mode,
    "child_tokens": _child_tokens,
    "child_separator": _child_separator,
}
