"""The options of an import as form fields and choices."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

from django.http import QueryDict

from segments.exceptions import OptionRefused
from segments.files.options import Cleaning, EmbedWhen, ImportMode, ImportOptions, OnError

# Parts that a column may be chosen for; the others come with exports only.
PARTS = ("content", "answer", "keywords", "external_id", "enabled", "metadata")
ENCODINGS = (
    *("utf-8", "utf-16", "windows-1252", "windows-1250", "windows-1251", "gb18030", "big5"),
    *("shift-jis", "euc-jp", "euc-kr", "iso-8859-15", "koi8-r", "cp850"),
)
# Options of which there may be several.
LISTS = {"map", "sheet", "cleaning"}
DELIMITERS = ("comma", "semicolon", "tab", "pipe")


@dataclass(frozen=True, slots=True)
class Choice:
    """A value that may be chosen, and what it is called."""

    value: str
    label: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class PartChoice:
    """A part of a segment, and the columns that may be it; the values are those of `map`.

    `found` is the column that it is taken from if none is chosen, as far as that is known.
    """

    part: str
    found: str
    columns: list[Choice]


def options_from(given: QueryDict) -> ImportOptions:
    """The options out of a form or an address; what is left empty is found out or usual.

    Raises:
        OptionRefused: a value cannot be used; the text says which.
    """
    known = {option.name for option in fields(ImportOptions)}
    values: dict[str, object] = {
        name: given[name] for name in (known - LISTS) & given.keys() if given[name]
    }
    values["map"] = [pair for pair in given.getlist("map") if pair]
    values["sheet"] = [name for name in given.getlist("sheet") if name]
    words = [word for word in given.getlist("cleaning") if word]
    # The form always says “nothing”, or boxes that are all unticked could not be told from none.
    values["cleaning"] = [word for word in words if word != Cleaning.NOTHING] or words
    return ImportOptions.from_fields(values)


def usable_options_from(given: QueryDict) -> ImportOptions:
    """The options that can be used; those that cannot are left out."""
    left = given.copy()
    while True:
        try:
            return options_from(left)
        except OptionRefused as refusal:
            if refusal.name not in left:
                return ImportOptions()
            del left[refusal.name]


def given_fields(given: QueryDict, options: ImportOptions | None = None) -> list[tuple[str, str]]:
    """The options as they were given, for a form to carry along; the mode as it was proposed."""
    known = {option.name for option in fields(ImportOptions)}
    found = [
        (name, value) for name in known & given.keys() for value in given.getlist(name) if value
    ]
    if options and options.mode != ImportMode.APPEND and "mode" not in dict(found):
        found.append(("mode", options.mode.value))
    return found


def part_choices(header: Sequence[str], uses: Sequence[str]) -> list[PartChoice]:
    """For each part the columns of the file, with the one that it is taken from now."""
    taken = dict(zip(uses, header, strict=False))
    return [
        PartChoice(
            part,
            taken.get(part, ""),
            [
                Choice(f"{part}={name}", name, taken.get(part) == name)
                for name in header
                if name.strip()
            ],
        )
        for part in PARTS
    ]


def mode_choices(options: ImportOptions) -> list[Choice]:
    """What an import may do with segments that are there."""
    return [Choice(mode.value, mode.label, options.mode == mode) for mode in ImportMode]


def error_choices(options: ImportOptions) -> list[Choice]:
    """What bad rows may do to an import."""
    return [Choice(word.value, word.label, options.on_error == word) for word in OnError]


CLEANINGS = {
    Cleaning.SPACES: "Remove spaces and blank lines that follow others",
    Cleaning.ADDRESSES: "Remove web and mail addresses",
}


def cleaning_choices(options: ImportOptions) -> list[Choice]:
    """What may be removed from a text before it is cut."""
    chosen = options.cleaning or (Cleaning.SPACES,)
    return [Choice(word.value, label, word in chosen) for word, label in CLEANINGS.items()]


def embed_choices(options: ImportOptions) -> list[Choice]:
    """When rows may get their vectors."""
    return [Choice(word.value, word.label, options.embed == word) for word in EmbedWhen]
