"""Finds the place of each part in a header: as told, by names, by position, or by a guess."""

from collections import Counter
from collections.abc import Sequence
from difflib import get_close_matches

from segments.exceptions import HeaderRefused
from segments.files import guess, template
from segments.files.names import (
    PASSAGE_NAMES,
    QUESTION_NAMES,
    bare,
    folded,
    is_other_question_name,
    is_question_name,
    part_meant,
    part_named,
)
from segments.files.options import ImportOptions
from segments.files.template import Template
from segments.files.types import shown

# The values of `DocForm`, which is a model's and so not known here.
TEXT_MODEL, QA_MODEL = "text_model", "qa_model"
# The order of the parts in a file without a header.
POSITIONS = {TEXT_MODEL: ("content",), QA_MODEL: ("content", "answer")}


def refuse_unusable(header: Sequence[str], line: int) -> None:
    """Refuse names that cannot be stored, or stand twice.

    Raises:
        HeaderRefused: naming the line and the column.
    """
    _refuse_unprintable(header, line)
    _refuse_duplicates(header, line)


def listed(header: Sequence[str]) -> str:
    """The columns by name, as far as a message has room."""
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
        name = next(name.strip() for name in header if folded(name) == twice[0])
        raise HeaderRefused(
            f"Line {line}: the column “{name}” appears {counts[twice[0]]} times in the header. "
            "Remove or rename all but one."
        )


class Places:
    """The place of each part: as told, else by name, or by position where there are no names."""

    def __init__(
        self, header: Sequence[str], line: int, takes_answers: bool, options: ImportOptions
    ) -> None:
        self.header, self._line, self.takes_answers = header, line, takes_answers
        self._options = options
        self.template: Template | None = None
        self.is_table = False
        self.guesses: list[str] = []
        self._told = self._told_places()
        self.places = {part: place for part, place in self._told.items() if place is not None}
        if options.template:
            self.template = template.parsed(options.template, header)
            self.is_table = True
            self.places["content"] = self.template.places[0]

    @property
    def free(self) -> list[int]:
        """The columns with a name that are no part yet."""
        taken = set(self.places.values()) | set(self.template.places if self.template else ())
        return guess.free_places(self.header, taken)

    def is_open(self, part: str) -> bool:
        """Whether nothing was told of a part, nor was it found."""
        return part not in self._told and part not in self.places

    def place(self, doc_form: str) -> None:
        """Find what was not told, by names or by position."""
        if self._options.no_header:
            if not self._options.map and not self._options.template:
                parts = POSITIONS[doc_form]
                self.places |= {part: at for at, part in enumerate(parts[: len(self.header)])}
            return
        named: dict[str, list[int]] = {}
        for place in range(len(self.header)):
            part = part_named(self.header[place])
            if part and part not in self._told and place not in self.places.values():
                named.setdefault(part, []).append(place)
        if "content" in self.places:
            named.pop("content", None)
        self._place_contents(named)
        for part, places in named.items():
            self._refuse_two(part, places)
            self.places.setdefault(part, places[0])

    def _place_contents(self, named: dict[str, list[int]]) -> None:
        """Settle which columns are the content: one, or several questions to one answer."""
        contents = named.pop("content", [])
        has_answer = not self.is_open("answer") or "answer" in named
        if self.takes_answers and not has_answer and "content" not in self.places:
            contents = self._answer_as_content(contents)
        elif contents and not self.takes_answers and "content" not in self.places:
            passages = [place for place in contents if self._is_passage(place)]
            contents = passages or contents
        if not contents and "content" not in self.places and self.takes_answers:
            contents = [place for place in self.free if is_question_name(self.header[place])]
        if not contents:
            return
        self.places["content"] = contents[0]
        if is_question_name(self.header[contents[0]]) and self.takes_answers:
            self._join_questions(contents)
        else:
            self._refuse_two("content", contents)

    def _join_questions(self, contents: list[int]) -> None:
        """Further columns of questions: numbered ones, or those of similar questions."""
        first = bare(self.header[contents[0]])
        others = [
            place
            for place, name in enumerate(self.header)
            if place not in self.places.values()
            and place not in self._told.values()
            and (
                (bare(name) == first and part_named(name) != "answer")
                or is_other_question_name(name)
            )
        ]
        rest = [place for place in contents[1:] if place not in others]
        if rest:
            self._refuse_two("content", [contents[0], *rest])
        if others:
            self.template = template.joined(sorted([contents[0], *others]))

    def _is_passage(self, place: int) -> bool:
        return folded(self.header[place]) in PASSAGE_NAMES

    def _answer_as_content(self, contents: list[int]) -> list[int]:
        """Questions beside a content and no answer: the content answers them."""
        names = {place: bare(self.header[place]) for place in (*contents, *self.free)}
        passages = [place for place, name in names.items() if name in PASSAGE_NAMES]
        asked = [place for place, name in names.items() if name in QUESTION_NAMES]
        if len(passages) != 1 or not asked:
            return contents
        self.places["answer"] = passages[0]
        self.guesses.append(f"“{self.header[passages[0]]}” was taken for the answer.")
        return asked

    def _refuse_two(self, part: str, places: Sequence[int]) -> None:
        """Two columns for one part are refused."""
        if len(places) > 1:
            raise HeaderRefused(
                f"Line {self._line}: the columns “{self.header[places[0]]}” and "
                f"“{self.header[places[1]]}” both mean {part}. Remove or rename one of them."
            )

    def _told_places(self) -> dict[str, int | None]:
        """The parts that are mapped; None for one that is to be left out."""
        told: dict[str, int | None] = {}
        for given, column in self._options.map.items():
            part = part_meant(given)
            names = column.split("\n") if folded(column) not in self._numbers else [column]
            places = [self._told_place(part, name) for name in names if name.strip()]
            told[part] = places[0] if places else None
            if len(places) > 1:
                self.template = template.joined(places)
        return told

    def _told_place(self, part: str, column: str) -> int:
        if folded(column) in self._numbers:
            return self._numbers[folded(column)]
        nearest = get_close_matches(column, self.header, n=1)
        hint = f"Did you mean “{nearest[0]}”? " if nearest else ""
        raise HeaderRefused(
            f"Line {self._line}: {part} is mapped to the column “{column}”, which does not exist. "
            f"{hint}There are {listed(self.header)}."
        )

    @property
    def _numbers(self) -> dict[str, int]:
        return {folded(name): place for place, name in enumerate(self.header)}

    def told_names(self, options: ImportOptions) -> dict[str, str]:
        """The mapping that was given, in the header's own words."""
        told = {}
        for given, column in options.map.items():
            part = part_meant(given)
            if self._told.get(part) is not None:
                several = "\n" in column and folded(column) not in self._numbers
                told[part] = column if several else self.header[self._told[part] or 0]
        return told


def guess_parts(found: Places, table: guess.Table) -> None:
    """Find the content and the answer where names do not tell them, and say so."""
    for part in ("answer", "content") if found.takes_answers else ("content",):
        if found.is_open(part):
            _take(found, part, guess.resembling(table.header, found.free, part))
    if found.takes_answers:
        least = guess.PARTNER_CHARS
        if found.is_open("content") and (asking := guess.asking(table, found.free)) is not None:
            _take(found, "content", asking)
            least = guess.ANSWER_CHARS
        for part, other in (("answer", "content"), ("content", "answer")):
            if found.is_open(part) and not found.is_open(other):
                _take(found, part, guess.answering(table, found.free, least))
    elif found.is_open("content"):
        _take(found, "content", guess.passage(table, found.free))
        if found.is_open("content") and (places := guess.things(table, found.free)):
            found.template, found.is_table = template.named(table.header, places), True
            found.places["content"] = places[0]
            found.guesses.append("Every row became a passage of lines “name: value”.")


def _take(found: Places, part: str, place: int | None) -> None:
    if place is not None:
        found.places[part] = place
        what = "question" if found.takes_answers and part == "content" else part
        found.guesses.append(f"“{found.header[place]}” was taken for the {what}.")
