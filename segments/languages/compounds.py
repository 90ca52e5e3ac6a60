"""Parts of German compounds: `Reisekrankenversicherung` is found by `Krankenversicherung`.

By hand over simplemma's German word list: splitters with data of their own are unmaintained
(compound-split, 2020: 4 s and 450 MB to load).
"""

import re
from collections.abc import Iterator
from functools import lru_cache

LANGUAGE = "de"
FEWEST_CHARS = 9
FEWEST_CHARS_OF_PART = 4
# What ties the parts of a compound, most frequent first.
LINKS = ("", "s", "n", "en", "es", "er", "e")
WORDS_REMEMBERED = 100_000
# Nouns begin with a capital letter; verbs and adjectives would be cut into prefix and rest.
_NOUN = re.compile(rf"\b[A-ZÄÖÜ][a-zäöüß]{{{FEWEST_CHARS - 1},39}}\b")


def parts_of_compounds(text: str, language: str) -> Iterator[str]:
    """The parts of all German compounds in the text, in lower case; nothing in other languages."""
    if language == LANGUAGE:
        for noun in _NOUN.findall(text):
            yield from _parts(noun.lower())


@lru_cache(WORDS_REMEMBERED)
def _parts(word: str) -> tuple[str, ...]:
    """Every part, and every word of several parts, that begins or ends `word`."""
    found: dict[str, None] = {}
    for head, rest in _splits(word):
        for part in (head, rest, *_parts(head), *_parts(rest)):
            found[part] = None
    return tuple(found)


def _splits(word: str) -> Iterator[tuple[str, str]]:
    if len(word) < FEWEST_CHARS:
        return
    for end in range(FEWEST_CHARS_OF_PART, len(word) - FEWEST_CHARS_OF_PART + 1):
        rest = word[end:]
        if _is_noun(rest) and (head := _unlinked(word[:end])):
            yield head, rest


def _unlinked(head: str) -> str:
    """The word that stands at the front of a compound; empty if it is not one."""
    for link in LINKS:
        word = head.removesuffix(link)
        if head.endswith(link) and len(word) >= FEWEST_CHARS_OF_PART and _is_noun(word):
            return word
    return ""


@lru_cache(WORDS_REMEMBERED)
def _is_noun(word: str) -> bool:
    from simplemma import is_known

    return is_known(word.capitalize(), lang=LANGUAGE)
