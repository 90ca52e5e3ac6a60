"""The words of a question, as full text looks them up: stemmed, and corrected where unknown.

A word that no segment of the dataset has may be a mistyped word of six or more letters. Every word
that differs from it in one letter (a wrong, missing or extra one, or one in another place) is
stemmed as texts are, and those that the dataset has are looked up too, for half of what the word
counts.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from datasets.models import Dataset
from segments.indexing.state import generations_of
from segments.languages.analysis import question_codes, question_forms, question_text
from segments.languages.word_forms import folded
from segments.search.postings import known_words

# One of the six may be missing.
FEWEST_LETTERS = 5
# Longer ones are no words that people type; the variants grow with the length.
MOST_LETTERS = 30
# Of a pasted text nobody corrects every word; each takes a hundredth of a second.
WORDS_CORRECTED = 5
CORRECTIONS_TAKEN = 5
WEIGHT_OF_CORRECTION = 0.5
# What the form of a word says, the word as it was typed says too: counted in full, both would be
# twice as much (nDCG@10 on Cranfield 0.370, instead of 0.379).
WEIGHT_OF_FORM = 0.05
ALPHABETS = (
    "abcdefghijklmnopqrstuvwxyz",
    "абвгдежзийклмнопрстуфхцчшщъыьэюяіїєґ",
    "αβγδεζηθικλμνξοπρστυφχψωςάέήίόύώ",
    "אבגדהוזחטיכלמנסעפצקרשתךםןףץ",
    "ابتثجحخدذرزسشصضطظعغفقكلمنهويءآأؤإئةى",
    "աբգդեզէըթժիլխծկհձղճմյնշոչպջռսվտրցւփքօֆ",
    "აბგდევზთიკლმნოპჟრსტუფქღყშჩცძწჭხჯჰ",
)
_WORD = re.compile(rf"(?<!\w)[^\W\d_]{{{FEWEST_LETTERS},{MOST_LETTERS}}}(?!\w)")

# While full text is rebuilt, some entries are still of the previous configuration.
LEXEMES = """
    SELECT DISTINCT lexeme
    FROM unnest(%(configs)s::regconfig[]) AS config, unnest(to_tsvector(config, %(text)s))
    ORDER BY lexeme
"""
# The lexemes of each word that is not a stop word.
LEXEMES_OF_WORDS = """
    SELECT word, array_agg(DISTINCT lexeme)
    FROM unnest(%(words)s::text[]) AS word, unnest(%(configs)s::regconfig[]) AS config,
        unnest(to_tsvector(config, word))
    GROUP BY word
"""
# Those that a segment of the dataset has. PostgreSQL's index reads all rows that have the lexeme,
# so it is asked only for those that no generation has: they are rare.
OCCURRING = """
    SELECT lexeme FROM unnest(%(lexemes)s::text[]) AS lexeme
    WHERE EXISTS (
        SELECT FROM segments_documentsegment
        WHERE segments_full_text_of_dataset(search_vector, dataset_id)
            @@ (array_to_tsvector(ARRAY[lexeme])::text::tsquery
                && segments_full_text_of_dataset('', %(dataset)s)::text::tsquery)
    )
"""


@dataclass(frozen=True, slots=True)
class Term:
    """A lexeme to look up; `weight` is 1, or less where it is not what was typed."""

    lexeme: str
    weight: float = 1.0


def terms_of(dataset: Dataset, question: str) -> list[Term]:
    """What `question` looks up in `dataset`, each lexeme once; empty if it has stop words alone."""
    found = corrections(dataset, _mistyped(dataset, question))
    corrected = " ".join(word for some in found.values() for word in some)
    weights = dict.fromkeys(_lexemes(dataset, corrected, question_text), WEIGHT_OF_CORRECTION)
    weights |= dict.fromkeys(_lexemes(dataset, question, question_forms), WEIGHT_OF_FORM)
    weights |= dict.fromkeys(_lexemes(dataset, question, question_codes), 1.0)
    weights |= dict.fromkeys(_lexemes(dataset, question, question_text), 1.0)
    return [Term(lexeme, weight) for lexeme, weight in sorted(weights.items())]


def configurations(dataset: Dataset) -> list[str]:
    """The text search configurations that the dataset's entries may be in, current one first."""
    previous = dataset.previous_text_search_config
    return [dataset.text_search_config, *([previous] if previous else [])]


def corrections(dataset: Dataset, words: Sequence[str]) -> dict[str, list[str]]:
    """For each of `words`, the words that the dataset has and that differ in one letter.

    Words without any are left out. At most `CORRECTIONS_TAKEN` each, the likeliest first.
    """
    variants = {word: list(variants_of(word)) for word in words}
    known = _occurring(dataset, sorted({each for some in variants.values() for each in some}))
    found = {
        word: [each for each in some if known.get(each)][:CORRECTIONS_TAKEN]
        for word, some in variants.items()
    }
    return {word: some for word, some in found.items() if some}


def lexemes_of(dataset: Dataset, words: Sequence[str]) -> dict[str, list[str]]:
    """The lexemes that each of `words` has in the dataset's entries; stop words are left out."""
    return dict(_fetch(LEXEMES_OF_WORDS, dataset, words=list(words)))


def variants_of(word: str) -> Iterator[str]:
    """Each word that differs from `word` in one letter, once; likelier errors come first.

    Letters in the wrong place, then one too many, one missing, one wrong.
    """
    alphabet = next((each for each in ALPHABETS if word[0] in each), "")
    splits = [(word[:place], word[place:]) for place in range(len(word) + 1)]
    moved = (
        without[:to] + word[place] + without[to:]
        for place in range(len(word))
        for without in (word[:place] + word[place + 1 :],)
        for to in sorted(range(len(word)), key=lambda to: abs(to - place))
    )
    removed = (left + right[1:] for left, right in splits if right)
    added = (left + letter + right for left, right in splits for letter in alphabet)
    replaced = (left + letter + right[1:] for left, right in splits if right for letter in alphabet)
    found = dict.fromkeys(each for some in (moved, removed, added, replaced) for each in some)
    found.pop(word, None)
    return iter(found)


def _mistyped(dataset: Dataset, question: str) -> list[str]:
    """The longer words of the question that no segment of the dataset has."""
    words = list(dict.fromkeys(_WORD.findall(folded(question.lower()))))
    words = [word for word in words if any(word[0] in alphabet for alphabet in ALPHABETS)]
    known = _occurring(dataset, words)
    return [word for word in words if known.get(word) is False][:WORDS_CORRECTED]


def _occurring(dataset: Dataset, words: Sequence[str]) -> dict[str, bool]:
    """Whether a segment of the dataset has the word, for each but stop words, by its stems."""
    if not words:
        return {}
    lexemes = lexemes_of(dataset, words)
    every = {lexeme for some in lexemes.values() for lexeme in some}
    generations = generations_of(dataset).values_list("pk", flat=True)
    known = known_words(generations, every)
    if rest := every - known:
        known |= {lexeme for (lexeme,) in _fetch(OCCURRING, dataset, lexemes=sorted(rest))}
    return {word: not known.isdisjoint(some) for word, some in lexemes.items()}


def _lexemes(dataset: Dataset, text: str, analysis: Callable[[str, str], str]) -> list[str]:
    """The lexemes of what `analysis` makes of `text`, in the languages of the dataset's entries."""
    is_rebuilt = bool(dataset.previous_text_search_config)
    languages = {dataset.language, *([dataset.previous_language] if is_rebuilt else [])}
    texts = " ".join(analysis(text, language) for language in sorted(languages))
    if not texts.strip():
        return []
    return [lexeme for (lexeme,) in _fetch(LEXEMES, dataset, text=texts)]


def _fetch(statement: str, dataset: Dataset, **parameters: Any) -> list[tuple[Any, ...]]:
    known: dict[str, Any] = {"configs": configurations(dataset), "dataset": dataset.pk}
    with connection.cursor() as cursor:
        cursor.execute(statement, known | parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows
