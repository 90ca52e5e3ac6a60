"""Which words of a text a question was found by: marked, for people to see."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from datasets.models import Dataset
from segments.languages.compounds import parts_of_compounds
from segments.languages.scripts import has_unspaced
from segments.languages.word_forms import folded
from segments.search.words import lexemes_of, terms_of

# More of a text is not shown at once.
CHARS_SHOWN = 600
# How much stands before the first mark of a text that is cut.
CHARS_BEFORE = 120
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of a text; `is_marked` if the question has its words."""

    text: str
    is_marked: bool = False


class Marker:
    """Marks the words of a question in texts of a dataset, in whatever form they stand there."""

    def __init__(self, dataset: Dataset, question: str, texts: Iterable[str]) -> None:
        terms = {term.lexeme for term in terms_of(dataset, question)} if question else set()
        words = {word for text in texts for word in _WORD.findall(text)} if terms else set()
        forms = {word: _forms(word, dataset.language) for word in words}
        every = sorted({form for some in forms.values() for form in some})
        lexemes = lexemes_of(dataset, every) if every else {}
        self._words = {
            word
            for word, some in forms.items()
            if any(not terms.isdisjoint(lexemes.get(form, ())) for form in some)
        }
        self._runs = sorted((term for term in terms if has_unspaced(term)), key=len, reverse=True)

    def stretches(self, text: str) -> list[Stretch]:
        """`text` in stretches with and without marks; all together they are the text."""
        found: list[Stretch] = []
        end = 0
        for begin, stop in sorted(self._places(text)):
            if begin < end:
                continue
            if begin > end:
                found.append(Stretch(text[end:begin]))
            found.append(Stretch(text[begin:stop], is_marked=True))
            end = stop
        return [*found, Stretch(text[end:])] if end < len(text) else found

    def _places(self, text: str) -> Iterator[tuple[int, int]]:
        for word in _WORD.finditer(text):
            if word[0] in self._words:
                yield word.span()
        if self._runs:
            either = "|".join(map(re.escape, self._runs))
            for run in re.finditer(either, text, re.IGNORECASE):
                yield run.span()


def _forms(word: str, language: str) -> list[str]:
    """The forms under which full text has a word."""
    lower = word.lower()
    return list(dict.fromkeys([lower, folded(lower), *parts_of_compounds(word, language)]))


def excerpt(stretches: Sequence[Stretch]) -> list[Stretch]:
    """The text from shortly before its first mark, at most `CHARS_SHOWN` of it."""
    text = "".join(stretch.text for stretch in stretches)
    if len(text) <= CHARS_SHOWN:
        return list(stretches)
    begin = min(_first_mark(stretches), len(text) - CHARS_SHOWN)
    begin = begin - CHARS_BEFORE if begin > CHARS_BEFORE else 0
    kept = list(_cut(stretches, begin, begin + CHARS_SHOWN))
    before = [Stretch("… ")] if begin else []
    after = [Stretch(" …")] if begin + CHARS_SHOWN < len(text) else []
    return [*before, *kept, *after]


def _first_mark(stretches: Sequence[Stretch]) -> int:
    place = 0
    for stretch in stretches:
        if stretch.is_marked:
            return place
        place += len(stretch.text)
    return 0


def _cut(stretches: Sequence[Stretch], begin: int, end: int) -> Iterator[Stretch]:
    place = 0
    for stretch in stretches:
        text = stretch.text[max(begin - place, 0) : max(end - place, 0)]
        place += len(stretch.text)
        if text:
            yield Stretch(text, stretch.is_marked)
