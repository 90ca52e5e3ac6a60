"""Which column of a file is which part of a segment, by the names in its header."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from datasets.models import DocForm
from segments.exceptions import HeaderRefused
from segments.importing.types import shown

# Besides our own names: the headers of Dify's templates, in English and in Chinese.
ALIASES = {
    "content": ("content", "question", "segment content", "分段内容", "问题"),
    "answer": ("answer", "答案"),
    "keywords": ("keywords", "关键词"),
    "external_id": ("external_id",),
    "enabled": ("enabled",),
}
METADATA_PREFIX = "metadata."
PART_OF = {alias: part for part, aliases in ALIASES.items() for alias in aliases}


@dataclass(frozen=True, slots=True)
class Columns:
    """The place of each part in a row's cells; None where the file has no such column.

    `names` are the header's own words, for messages; `unknown` those that mean nothing here.
    """

    names: tuple[str, ...]
    content: int
    answer: int | None
    keywords: int | None
    external_id: int | None
    enabled: int | None
    metadata: tuple[tuple[str, int], ...]
    unknown: tuple[str, ...]


def guess_doc_form(header: Sequence[str]) -> DocForm:
    """Questions and answers if there is an answer column, else passages."""
    has_answer = any(PART_OF.get(_folded(name)) == "answer" for name in header)
    return DocForm.QA if has_answer else DocForm.TEXT


def map_columns(header: Sequence[str], line: int, doc_form: str) -> Columns:
    """The columns of a file with this header (found at `line`) for a document of `doc_form`.

    Raises:
        HeaderRefused: a name stands twice or cannot be stored, or a column is missing.
    """
    _refuse_unprintable(header, line)
    _refuse_duplicates(header, line)
    places = _places(header, line)
    if "content" not in places:
        raise HeaderRefused(
            f"Line {line}: there is no content column among {_listed(header)}. "
            f"Name one of the columns “content” or “question”."
        )
    if doc_form == DocForm.QA and "answer" not in places:
        raise HeaderRefused(
            f"Line {line}: the document holds questions and answers (qa_model), but there is no "
            f"answer column among {_listed(header)}. Name one of the columns “answer”."
        )
    takes_answers = doc_form == DocForm.QA
    return Columns(
        names=tuple(header),
        content=places["content"],
        answer=places.get("answer") if takes_answers else None,
        keywords=places.get("keywords"),
        external_id=places.get("external_id"),
        enabled=places.get("enabled"),
        metadata=_metadata(header),
        unknown=_unknown(header, takes_answers),
    )


def _folded(name: str) -> str:
    return name.strip().casefold()


def _listed(header: Sequence[str]) -> str:
    return ", ".join(f"“{name}”" for name in header[:20]) + (" …" if len(header) > 20 else "")


def _refuse_unprintable(header: Sequence[str], line: int) -> None:
    for name in header:
        if "\0" in name:
            raise HeaderRefused(
                f"Line {line}: the column name “{shown(name)}” has a NUL character in it. "
                "Remove it, or save the file as “CSV UTF-8” again."
            )


def _refuse_duplicates(header: Sequence[str], line: int) -> None:
    counts = Counter(_folded(name) for name in header if name.strip())
    twice = [name for name, count in counts.items() if count > 1]
    if twice:
        raise HeaderRefused(
            f"Line {line}: the column “{twice[0]}” stands {counts[twice[0]]} times in the header. "
            "Remove or rename all but one."
        )


def _places(header: Sequence[str], line: int) -> dict[str, int]:
    """The part each known column is; two columns for one part are refused."""
    places: dict[str, int] = {}
    for place, name in enumerate(header):
        part = PART_OF.get(_folded(name))
        if part is None:
            continue
        if part in places:
            raise HeaderRefused(
                f"Line {line}: the columns “{header[places[part]]}” and “{name}” both mean "
                f"{part}. Remove or rename one of them."
            )
        places[part] = place
    return places


def _metadata(header: Sequence[str]) -> tuple[tuple[str, int], ...]:
    return tuple(
        (name.strip()[len(METADATA_PREFIX) :], place)
        for place, name in enumerate(header)
        if _is_metadata(name)
    )


def _is_metadata(name: str) -> bool:
    folded = _folded(name)
    return folded.startswith(METADATA_PREFIX) and len(folded) > len(METADATA_PREFIX)


def _unknown(header: Sequence[str], takes_answers: bool) -> tuple[str, ...]:
    def is_unknown(name: str) -> bool:
        part = PART_OF.get(_folded(name))
        if part == "answer":
            return not takes_answers
        return part is None and not _is_metadata(name)

    return tuple(name for name in header if is_unknown(name))
