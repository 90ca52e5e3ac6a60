"""Maps the columns of a file to the parts of a segment, by their names or by a given mapping."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from segments.exceptions import HeaderRefused
from segments.files import guess, template
from segments.files.names import (
    ERROR_COLUMN,
    METADATA_PREFIX,
    PASSAGE_NAMES,
    QUESTION_NAMES,
    bare,
    folded,
    part_meant,
    part_named,
)
from segments.files.options import ImportOptions, UnknownColumns
from segments.files.places import QA_MODEL, TEXT_MODEL, Places, guess_parts, listed, refuse_unusable
from segments.files.template import Template
from segments.files.types import DOCUMENT_FORMATS, WORKBOOK_FORMATS, JSONValue, RawRow, Sheet

# What an export contains that an import does not set.
EXPORT_COLUMNS = ("position", "word_count", "tokens", "hit_count", "created_at", "updated_at")
DEFAULT_OPTIONS = ImportOptions()
# The use of the further columns of a template; the first is the content.
TEMPLATE_USE = "template"


@dataclass(frozen=True, slots=True)
class Columns:
    """The place of each part in a row's cells; None where the file has no such column.

    `names` are the header's own words, for messages; `unknown` those that are not used, though
    they might be meant; `ignored` those that exports and reports bring along; `uses` says
    what each column is, in the header's order, empty for one that is not used; `told` is the
    mapping that was given, in the header's own words; `guesses` says what was not told and not
    plain by name either. Where several columns are the content, `template` writes it from them.
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
    template: Template | None = None
    guesses: tuple[str, ...] = ()
    is_workbook: bool = False

    @property
    def mapping(self) -> dict[str, str]:
        """Part → column name: what `ImportOptions.map` would say to get these columns again."""
        found: dict[str, str] = {}
        for name, use in zip(self.names, self.uses, strict=True):
            if use and name:
                found[use] = f"{found[use]}\n{name}" if use in found else name
        return found

    @property
    def template_text(self) -> str:
        """The template as it would be given; empty without one, or if it only joins columns."""
        if self.template is None or TEMPLATE_USE not in self.uses:
            return ""
        return template.template_text(self.names, self.template)

    @property
    def remembered(self) -> dict[str, JSONValue]:
        """What an import has to be told to read a file of this header in the same way."""
        if self.template_text:
            parts = {part: name for part, name in self.told.items() if part != "content"}
            return {"map": {**parts}, "template": self.template_text}
        found = self.mapping
        parts = {part: found[part] for part in ("content", "answer") if part in found}
        return {"map": {**parts, **self.told}}


def guess_doc_form(
    header: Sequence[str],
    options: ImportOptions = DEFAULT_OPTIONS,
    sample: Sequence[RawRow] = (),
) -> str:
    """The `doc_form` that suits: questions and answers if a column has answers, else passages."""
    if "answer" in options.map:
        return QA_MODEL
    if options.no_header:
        return QA_MODEL if len(header) > 1 and not options.map else TEXT_MODEL
    if options.template or options.map:
        has_answer = any(part_named(name) == "answer" for name in header)
        return QA_MODEL if has_answer else TEXT_MODEL
    is_qa = guess.holds_answers(header, sample) or _has_answers_as_content(header)
    return QA_MODEL if is_qa else TEXT_MODEL


def columns_in(sheet: Sheet, doc_form: str, options: ImportOptions) -> Columns:
    """The columns of an opened file for a document of `doc_form`.

    Raises:
        HeaderRefused: as `map_columns`.
        OptionRefused: the mapping names a part there is not.
    """
    kind = sheet.details.format
    if kind in DOCUMENT_FORMATS and doc_form == QA_MODEL:
        raise HeaderRefused(
            f"The file is {kind.label}, which becomes passages; the document holds questions and "
            "answers (qa_model). Choose a document of passages, or import a table of questions."
        )
    try:
        found = map_columns(sheet.header, sheet.header_line, doc_form, options, sheet.sample)
    except HeaderRefused as refusal:
        is_known = options.no_header or any(map(part_named, sheet.header))
        hint = (
            ""
            if is_known
            else "If the header is in another row, say which (header_row); if there is none, set "
            "the option no_header."
        )
        raise HeaderRefused(f"{refusal} {hint}".rstrip()) from refusal
    return replace(found, is_workbook=sheet.details.format in WORKBOOK_FORMATS)


def map_columns(
    header: Sequence[str],
    line: int,
    doc_form: str,
    options: ImportOptions = DEFAULT_OPTIONS,
    sample: Sequence[RawRow] = (),
) -> Columns:
    """The columns of a file with this header (found at `line`) for a document of `doc_form`.

    Names decide; where they do not, the first rows (`sample`) may.

    Raises:
        HeaderRefused: a name appears twice or cannot be stored, or a column is missing.
        OptionRefused: the mapping names a part that does not exist.
    """
    refuse_unusable(header, line)
    takes_answers = doc_form == QA_MODEL
    found = Places(header, line, takes_answers, options)
    found.place(doc_form)
    if not options.no_header:
        guess_parts(found, guess.Table(header, sample))
    places = found.places
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
    if not takes_answers and "answer" not in map(part_meant, options.map):
        places.pop("answer", None)
    if not takes_answers and "answer" in places:
        raise HeaderRefused(
            f"Line {line}: the document holds passages (text_model), so no column can be mapped "
            "to answer. Leave that mapping out, or choose a document of questions and answers."
        )
    return _columns(found, options)


def _columns(found: Places, options: ImportOptions) -> Columns:
    header, places = found.header, found.places
    uses = [""] * len(header)
    written = found.template.places if found.template else ()
    for place in found.template.places if found.template else ():
        uses[place] = TEMPLATE_USE if found.is_table else "content"
    for part, place in places.items():
        uses[place] = part
    ignored = _ignored(header, uses)
    kept = list(uses)
    if options.unknown == UnknownColumns.METADATA:
        for place, name in enumerate(header):
            is_told = not uses[place] or (found.is_table and place in written)
            if is_told and name.strip() and name not in ignored:
                kept[place] = METADATA_PREFIX + name.strip()
                uses[place] = uses[place] or kept[place]
    return Columns(
        names=tuple(header),
        content=places["content"],
        answer=places.get("answer"),
        keywords=places.get("keywords"),
        external_id=places.get("external_id"),
        enabled=places.get("enabled"),
        metadata=_metadata(kept),
        unknown=tuple(
            name for name, use in zip(header, uses, strict=True) if not use and name not in ignored
        ),
        whole_metadata=places.get("metadata"),
        segment_id=places.get("segment_id"),
        escaped=places.get("escaped"),
        ignored=ignored,
        uses=tuple(uses),
        told=found.told_names(options),
        template=found.template,
        guesses=tuple(found.guesses),
    )


def _has_answers_as_content(header: Sequence[str]) -> bool:
    """Whether there are questions beside a content, which then answers them."""
    names = set(map(bare, header))
    return bool(names & QUESTION_NAMES) and bool(names & PASSAGE_NAMES)


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
