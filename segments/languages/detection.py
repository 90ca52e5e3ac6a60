"""The language of a data set, found in a sample of its texts.

Scripts of one language say it by themselves, and texts full of English function words too; for
the others py3langid votes on portions of the sample. Loading it takes half a second, so that small
imports in English do without.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from datasets.languages import LANGUAGES
from segments.languages.scripts import HAN, HANGUL, KANA

# Rows looked at, from the first of a file.
SAMPLE_ROWS = 400
# Too short a portion says little; more of them only take time (1 ms each).
PORTION_CHARS = 300
PORTIONS = 24
# Of less text, even a sure guess is one.
FEWEST_CHARS = 20
# The share of a script, and of function words, that leaves no doubt.
SHARE_OF_SCRIPT = 0.3
SHARE_OF_ENGLISH_WORDS = 0.2
SHARE_OF_VOTES = 0.5
# How much more likely than the second language the first one has to be, as a logarithm.
CLEAR = 8.0
_SCRIPTS = (
    ("ja", re.compile(f"[{KANA}]"), 0.1),  # before Chinese: Japanese is written in both
    ("zh", re.compile(f"[{HAN}]"), SHARE_OF_SCRIPT),
    ("ko", re.compile(f"[{HANGUL}]"), SHARE_OF_SCRIPT),
    ("th", re.compile("[\u0e01-\u0e4e]"), SHARE_OF_SCRIPT),
    ("lo", re.compile("[\u0e81-\u0ece]"), SHARE_OF_SCRIPT),
    ("km", re.compile("[\u1780-\u17d3]"), SHARE_OF_SCRIPT),
    ("my", re.compile("[\u1000-\u103f]"), SHARE_OF_SCRIPT),
)
_LETTER = re.compile(r"[^\W\d_]")
_ENGLISH = frozenset(
    """
    a an and are as at be been but by can do does for from had has have how i if in is it its me
    my not of on or our should that the their them they this to was we were what when where which
    who why will with would you your
    """.split()  # noqa: SIM905  (read at a glance)
)


def detect(texts: Sequence[str]) -> str:
    """The ISO 639-1 code of the language that most of `texts` are in; empty if it is not clear."""
    sample = list(_portions(texts))
    whole = "\n".join(sample)
    if len(whole) < FEWEST_CHARS:
        return ""
    return _by_script(whole) or _if_english(whole) or _by_vote(sample)


def _portions(texts: Sequence[str]) -> Iterator[str]:
    """Pieces of about `PORTION_CHARS`, from texts that are spread evenly over all."""
    portion: list[str] = []
    chars = done = 0
    step = max(len(texts) // (PORTIONS * 4), 1)
    for text in texts[::step]:
        piece = text[:PORTION_CHARS]
        portion.append(piece)
        chars += len(piece)
        if chars >= PORTION_CHARS:
            yield "\n".join(portion)
            portion, chars, done = [], 0, done + 1
            if done == PORTIONS:
                return
    if portion:
        yield "\n".join(portion)


def _by_script(text: str) -> str:
    if text.isascii():
        return ""
    letters = len(_LETTER.findall(text)) or 1
    for language, script, share in _SCRIPTS:
        if len(script.findall(text)) / letters >= share:
            return language
    return ""


def _if_english(text: str) -> str:
    words = text.lower().split()
    is_plain = sum(map(str.isascii, words)) > 0.95 * len(words)
    common = sum(word in _ENGLISH for word in words)
    return "en" if is_plain and common > SHARE_OF_ENGLISH_WORDS * len(words) else ""


def _by_vote(portions: Sequence[str]) -> str:
    votes: Counter[str] = Counter()
    for portion in portions:
        (language, first), (_, second) = _identifier().rank(portion)[:2]
        is_clear = first - second >= CLEAR
        votes[language if is_clear else ""] += len(portion)
    language, most = votes.most_common(1)[0]
    return language if most > SHARE_OF_VOTES * votes.total() else ""


@cache
def _identifier() -> Any:
    """The detector, for the languages that have a name here."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE)
    known = {*LANGUAGES} & {*identifier.labels}
    identifier.set_languages(sorted(known))
    return identifier
