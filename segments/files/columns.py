"""Maps the columns of a file to the parts of a segment, by their names or by a given mapping."""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from difflib import get_close_matches
from itertools import islice

from segments.exceptions import FileRefused, HeaderRefused, OptionRefused
from segments.files.options import ImportOptions, UnknownColumns
from segments.files.types import Sheet, shown


def refuse_unusable(header: Sequence[str], line: int) -> None:
    """Refuse names that cannot be stored or appear twice.

    Raises:
        HeaderRefused: naming the line and the column.
    """
    _refuse_unprintable(header, line)
    _refuse_duplicates(header, line)


def listed(header: Sequence[str]) -> str:
    """The columns by name, as many as fit into a message."""
    return ", ".join(f"“{name}”" for name in header[:20]) + (" …" if len(header) > 20 else "")


def _refuse_unprintable(header: Sequence[str], line: int) -> None:
    for name in header:
        if "\0" in name:
            raise HeaderRefused(
                f"Line {line}: the column name “{shown(name)}” contains a NUL character. "
                "Remove it, or save the file as “CSV UTF-8” again."
            )


def _refuse_duplicates(header: Sequence[str], line: int) -> None:
    counts = Counter(folded(name) for name in header if name.strip())
    twice = [name for name, count in counts.items() if count > 1]
    if twice:
        raise HeaderRefused(
            f"Line {line}: the column “{twice[0]}” appears {counts[twice[0]]} times in the header. "
            "Remove or rename all but one."
        )


# What an export contains that an import does not set.
EXPORT_COLUMNS = ("position", "word_count", "tokens", "hit_count", "created_at", "updated_at")
# What a report of bad rows adds; it comes back with the corrected rows.
ERROR_COLUMN = "error"
# The values of `DocForm`, which belongs to a model and so is not known here.
TEXT_MODEL, QA_MODEL = "text_model", "qa_model"
# The order of the parts in a file without a header.
POSITIONS = {TEXT_MODEL: ("content",), QA_MODEL: ("content", "answer")}
DEFAULT_OPTIONS = ImportOptions()
# Titles and remarks above a table take fewer lines.
ROWS_ABOVE_HEADER = 20


@dataclass(frozen=True, slots=True)
class Columns:
    """The place of each part in a row's cells; None where the file has no such column.

    `names` are the header's own words, for messages; `unknown` the unused columns that might
    be meant for a part; `ignored` those that exports and reports add; `uses` says what each
    column is, in the header's order, empty for an unused one; `told` is the mapping that was
    given, in the header's own words.
    """

    names: tuple[str, ...]
    content: int
    answer: int | None
    keywords: int | None
    external_id: int | None
    enabled: int | None
    metadata: tuple[tuple[str, int], ...]
    unknown: tuple[str, ...]
    whole_metadata: int | None = None
    segment_id: int | None = None
    escaped: int | None = None
    ignored: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()
    told: Mapping[str, str] = field(default_factory=dict)

    @property
    def mapping(self) -> dict[str, str]:
        """Part → column name: the `ImportOptions.map` that gives these columns again."""
        return {use: name for name, use in zip(self.names, self.uses, strict=True) if use and name}


def guess_doc_form(header: Sequence[str], options: ImportOptions = DEFAULT_OPTIONS) -> str:
    """The `doc_form` that fits: questions and answers if a column has answers, else passages."""
    if "answer" in options.map:
        return QA_MODEL
    if options.no_header:
        return QA_MODEL if len(header) > 1 and not options.map else TEXT_MODEL
    has_answer = any(part_named(name) == "answer" for name in header)
    return QA_MODEL if has_answer else TEXT_MODEL


def columns_in(sheet: Sheet, doc_form: str, options: ImportOptions) -> Columns:
    """The columns of an opened file for a document of `doc_form`.

    Raises:
        HeaderRefused: as `map_columns`; if the header is further down, the text says where.
        OptionRefused: the mapping names a part that does not exist.
    """
    try:
        return map_columns(sheet.header, sheet.header_line, doc_form, options)
    except HeaderRefused as refusal:
        hint = "" if options.no_header else _header_hint(sheet)
        raise HeaderRefused(f"{refusal} {hint}".rstrip()) from refusal


def _header_hint(sheet: Sheet) -> str:
    """Where the header might be, if the first row is not one."""
    if any(map(part_named, sheet.header)):
        return ""
    line = _header_further_down(sheet)
    if line is None:
        return "If this is the first row, set the option no_header."
    return f"Line {line} looks like the header: remove what is above it."


def _header_further_down(sheet: Sheet) -> int | None:
    """The line of the first row that names a content column; None if it is not near the top."""
    with suppress(FileRefused):
        for row in islice(sheet.rows, ROWS_ABOVE_HEADER):
            if any(part_named(cell) == "content" for cell in row.cells):
                return row.line
    return None


def map_columns(
    header: Sequence[str], line: int, doc_form: str, options: ImportOptions = DEFAULT_OPTIONS
) -> Columns:
    """The columns of a file with this header (found at `line`) for a document of `doc_form`.

    Raises:
        HeaderRefused: a name appears twice or cannot be stored, or a column is missing.
        OptionRefused: the mapping names a part that does not exist.
    """
    refuse_unusable(header, line)
    takes_answers = doc_form == QA_MODEL
    places = _places(header, line, doc_form, options)
    if "content" not in places:
        raise HeaderRefused(
            f"Line {line}: there is no content column among {listed(header)}. "
            f"Name one of the columns “content” or “question”, or map one (content=NAME)."
        )
    if takes_answers and "answer" not in places:
        raise HeaderRefused(
            f"Line {line}: the document holds questions and answers (qa_model), but there is no "
            f"answer column among {listed(header)}. Name one of the columns “answer”, or map one "
            "(answer=NAME)."
        )
    if not takes_answers:
        places.pop("answer", None)
    told = {part: header[places[part]] for part in map(part_meant, options.map) if part in places}
    return _columns(header, places, options, told)


def _columns(
    header: Sequence[str],
    places: Mapping[str, int],
    options: ImportOptions,
    told: Mapping[str, str],
) -> Columns:
    uses = [""] * len(header)
    for part, place in places.items():
        uses[place] = part
    ignored = _ignored(header, uses)
    if options.unknown == UnknownColumns.METADATA:
        for place, name in enumerate(header):
            if not uses[place] and name.strip() and name not in ignored:
                uses[place] = METADATA_PREFIX + name.strip()
    return Columns(
        names=tuple(header),
        content=places["content"],
        answer=places.get("answer"),
        keywords=places.get("keywords"),
        external_id=places.get("external_id"),
        enabled=places.get("enabled"),
        metadata=_metadata(uses),
        unknown=tuple(
            name for name, use in zip(header, uses, strict=True) if not use and name not in ignored
        ),
        whole_metadata=places.get("metadata"),
        segment_id=places.get("segment_id"),
        escaped=places.get("escaped"),
        ignored=ignored,
        uses=tuple(uses),
        told=told,
    )


def _places(
    header: Sequence[str], line: int, doc_form: str, options: ImportOptions
) -> dict[str, int]:
    """The place of each part: as mapped, else by name, or by position without names."""
    told = _mapped_places(header, line, options.map)
    taken = {place for place in told.values() if place is not None}
    places = {part: place for part, place in told.items() if place is not None}
    if options.no_header:
        named = {} if options.map else dict(_positions(header, doc_form))
    else:
        named = _named_places(header, line, told, taken)
    return places | named


def _mapped_places(
    header: Sequence[str], line: int, mapping: Mapping[str, str]
) -> dict[str, int | None]:
    """The parts that are mapped; None for one that is to be left out."""
    numbers = {folded(name): place for place, name in enumerate(header)}
    told: dict[str, int | None] = {}
    for given, column in mapping.items():
        part = part_meant(given)
        if not column:
            told[part] = None
        elif folded(column) not in numbers:
            nearest = get_close_matches(column, header, n=1)
            hint = f"Did you mean “{nearest[0]}”? " if nearest else ""
            raise HeaderRefused(
                f"Line {line}: {part} is mapped to the column “{column}”, which does not exist. "
                f"{hint}The columns are {listed(header)}."
            )
        else:
            told[part] = numbers[folded(column)]
    return told


def _positions(header: Sequence[str], doc_form: str) -> list[tuple[str, int]]:
    parts = POSITIONS[doc_form]
    return [(part, place) for place, part in enumerate(parts[: len(header)])]


def _named_places(
    header: Sequence[str], line: int, told: Mapping[str, int | None], taken: set[int]
) -> dict[str, int]:
    """The parts that the header names; two columns for one part are refused."""
    places: dict[str, int] = {}
    for place, name in enumerate(header):
        part = part_named(name)
        if part is None or part in told or place in taken:
            continue
        if part in places:
            raise HeaderRefused(
                f"Line {line}: the columns “{header[places[part]]}” and “{name}” both mean "
                f"{part}. Remove or rename one of them."
            )
        places[part] = place
    return places


def _metadata(uses: Sequence[str]) -> tuple[tuple[str, int], ...]:
    return tuple(
        (use[len(METADATA_PREFIX) :], place)
        for place, use in enumerate(uses)
        if use.startswith(METADATA_PREFIX)
    )


def _ignored(header: Sequence[str], uses: Sequence[str]) -> tuple[str, ...]:
    """The columns that our exports or reports of bad rows add."""
    known = {ERROR_COLUMN}
    if "segment_id" in uses:
        known |= set(EXPORT_COLUMNS)
    return tuple(
        name for name, use in zip(header, uses, strict=True) if not use and (folded(name) in known)
    )


# Besides our own names: the headers of Dify's templates, in English and in Chinese.
ALIASES = {
    "content": ("content", "question", "segment content", "分段内容", "问题"),
    "answer": ("answer", "答案"),
    "keywords": ("keywords", "关键词"),
    "external_id": ("external_id",),
    "enabled": ("enabled",),
    "metadata": ("metadata",),
    "segment_id": ("segment_id",),
    "escaped": ("escaped",),
}
METADATA_PREFIX = "metadata."
PART_OF = {alias: part for part, aliases in ALIASES.items() for alias in aliases}


# Invisible characters that copied tables have in their headers.
UNSEEN = dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"))


def folded(name: str) -> str:
    """A column's name in the form in which names are compared."""
    return name.translate(UNSEEN).strip().casefold()


def similar_part(name: str) -> str | None:
    """The part that a column of this name was probably meant for, if it is only misspelt."""
    return next(iter(get_close_matches(folded(name), ALIASES, n=1, cutoff=0.8)), None)


def part_named(name: str) -> str | None:
    """The part that a column of this name stands for, if any."""
    if _is_metadata(name):
        return METADATA_PREFIX + name.strip()[len(METADATA_PREFIX) :]
    return PART_OF.get(folded(name))


def part_meant(given: str) -> str:
    """The part that a mapping means by a name.

    Raises:
        OptionRefused: there is no such part.
    """
    part = part_named(given)
    if part is None:
        nearest = get_close_matches(folded(given), ALIASES, n=1)
        hint = f"Did you mean {nearest[0]}?" if nearest else f"The parts are {', '.join(ALIASES)}."
        raise OptionRefused("map", f"“{given}” is not part of a segment.", hint)
    return part


def _is_metadata(name: str) -> bool:
    low = folded(name)
    return low.startswith(METADATA_PREFIX) and len(low) > len(METADATA_PREFIX)
