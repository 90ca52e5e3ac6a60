"""The words of a question, as full text looks them up: stemmed, and corrected where unknown.

A word that no segment of the dataset has may be a mistyped word of six or more letters. Every word
that differs from it in one letter (a wrong, missing or extra one, or one in another place) is
stemmed as texts are, and those that the dataset has are looked up too, for half of what the word
counts.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from datasets.models import Dataset
from segments.db.replicas import connection
from segments.db.transactions import one_statement
from segments.indexing.state import ServingGeneration, serving_generations
from segments.languages.analysis import question_codes, question_forms, question_text
from segments.languages.word_forms import folded
from segments.search.postings import known_words, postings_of
from segments.search.vectors import uncovered_by

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

# The lexemes of each text that has any. While full text is rebuilt, some entries are still of the
# previous configuration.
LEXEMES = """
    SELECT text, array_agg(DISTINCT lexeme)
    FROM unnest(%(texts)s::text[]) AS text, unnest(%(configs)s::regconfig[]) AS config,
        unnest(to_tsvector(config, text))
    GROUP BY text
"""
# Those that a segment of the dataset has. PostgreSQL's index reads all rows that have the lexeme,
# so it is asked only for those that no generation has: they are rare, and there are none where
# the generations cover everything. Read row by row, one lexeme would take as long as all of them.
OCCURRING = """
    SET LOCAL jit = off; SET LOCAL enable_seqscan = off;
    SELECT lexeme FROM unnest(%(lexemes)s::text[]) AS lexeme
    WHERE EXISTS (
        SELECT FROM segments_documentsegment
        WHERE dataset_id = %(dataset)s AND version > %(watermark)s
    ) AND EXISTS (
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


def terms_of(
    dataset: Dataset, question: str, generations: Sequence[ServingGeneration] | None = None
) -> list[Term]:
    """What `question` looks up in `dataset`, each lexeme once; empty if it has stop words alone.

    `generations` are those of the dataset's index, where they have been read already.
    """
    if generations is None:
        generations = serving_generations(dataset)
    analyses = (question_forms, question_codes, question_text)
    texts = [_analysed(dataset, question, each) for each in analyses]
    longer = _longer_words(question)
    lexemes = lexemes_of(dataset, [*texts, *longer])
    every = {lexeme for some in lexemes.values() for lexeme in some}
    known = _indexed(generations, every)  # read at once, for it is ranked by next
    unknown = _unknown(dataset, {word: lexemes[word] for word in longer}, known, generations)
    corrected = corrections(dataset, unknown, generations) if unknown else {}
    weights = dict.fromkeys(_lexemes_of_corrected(dataset, corrected), WEIGHT_OF_CORRECTION)
    for text, weight in zip(texts, (WEIGHT_OF_FORM, 1.0, 1.0), strict=True):
        weights |= dict.fromkeys(lexemes[text], weight)
    return [Term(lexeme, weight) for lexeme, weight in sorted(weights.items())]


def _analysed(dataset: Dataset, question: str, analysis: Callable[[str, str], str]) -> str:
    """What `analysis` makes of a question, in the languages of the dataset's entries."""
    is_rebuilt = bool(dataset.previous_text_search_config)
    languages = {dataset.language, *([dataset.previous_language] if is_rebuilt else [])}
    return " ".join(analysis(question, language) for language in sorted(languages)).strip()


def _lexemes_of_corrected(dataset: Dataset, corrected: Mapping[str, Sequence[str]]) -> list[str]:
    """The lexemes of all words that were meant, perhaps."""
    words = " ".join(word for some in corrected.values() for word in some)
    text = _analysed(dataset, words, question_text) if words else ""
    return lexemes_of(dataset, [text])[text]


def configurations(dataset: Dataset) -> list[str]:
    """The text search configurations that the dataset's entries may be in, current one first."""
    previous = dataset.previous_text_search_config
    return [dataset.text_search_config, *([previous] if previous else [])]


def corrections(
    dataset: Dataset, words: Sequence[str], generations: Sequence[ServingGeneration] = ()
) -> dict[str, list[str]]:
    """For each of `words`, the words that the dataset has and that differ in one letter.

    Words without any are left out. At most `CORRECTIONS_TAKEN` each, the likeliest first.
    """
    variants = {word: list(variants_of(word)) for word in words}
    every = sorted({each for some in variants.values() for each in some})
    lexemes = lexemes_of(dataset, every)
    asked = {lexeme for some in lexemes.values() for lexeme in some}
    known = known_words([each.pk for each in generations], asked)
    known |= _newly_known(dataset, asked - known, generations)
    found = {
        word: [each for each in some if not known.isdisjoint(lexemes[each])][:CORRECTIONS_TAKEN]
        for word, some in variants.items()
    }
    return {word: some for word, some in found.items() if some}


def lexemes_of(dataset: Dataset, texts: Sequence[str]) -> dict[str, list[str]]:
    """The lexemes that each of `texts` has in the dataset's entries; none for stop words."""
    asked = [text for text in texts if text]
    found = dict(_fetch(LEXEMES, dataset, texts=asked)) if asked else {}
    return {text: found.get(text, []) for text in texts}


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


def _longer_words(question: str) -> list[str]:
    """The words of a question in which a letter may be wrong."""
    words = dict.fromkeys(_WORD.findall(folded(question.lower())))
    return [word for word in words if any(word[0] in alphabet for alphabet in ALPHABETS)]


def _indexed(generations: Sequence[ServingGeneration], lexemes: set[str]) -> set[str]:
    """Those that a generation has."""
    known: set[str] = set()
    for generation in generations:
        postings = postings_of(generation.pk, sorted(lexemes)) or {}
        known |= {lexeme for lexeme, found in postings.items() if len(found.ordinals)}
    return known


def _unknown(
    dataset: Dataset,
    lexemes: Mapping[str, Sequence[str]],
    known: set[str],
    generations: Sequence[ServingGeneration],
) -> list[str]:
    """The words, given with their lexemes, that no segment has; stop words are known.

    `known` are lexemes that the dataset has for certain.
    """
    every = {lexeme for some in lexemes.values() for lexeme in some}
    known = known | _newly_known(dataset, every - known, generations)
    unknown = [word for word, some in lexemes.items() if some and known.isdisjoint(some)]
    return unknown[:WORDS_CORRECTED]


def _newly_known(
    dataset: Dataset, lexemes: set[str], generations: Sequence[ServingGeneration]
) -> set[str]:
    """Those that a segment has of which no generation knows; there may be more of them."""
    if not lexemes:
        return set()
    watermark = uncovered_by(generations)[0][0]
    with one_statement():
        found = _fetch(OCCURRING, dataset, lexemes=sorted(lexemes), watermark=watermark)
    return {lexeme for (lexeme,) in found}


def _fetch(statement: str, dataset: Dataset, **parameters: Any) -> list[tuple[Any, ...]]:
    known: dict[str, Any] = {"configs": configurations(dataset), "dataset": dataset.pk}
    with connection.cursor() as cursor:
        cursor.execute(statement, known | parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows
