"""Other forms of the words of a text that people type when they look for them.

Each of these is kept as it stands, and gets words in addition that survive PostgreSQL's parser:

* names that end or begin with a sign: `C++`, `C#`, `.NET` → `cplusplus`, `csharp`, `dotnet`
* what is joined by signs, such as names of products and files, addresses, codes and numbers:
  `node.js`, `AB-1234/5`, `wi-fi`, `max_connections` → the parts, and all in one word
* versions and numbers with something before them: `v1.2.3`, `Python3.11`, `0x80070057` → the number
* words with diacritics: `résumé` → `resume`

A question gets the same, so each form finds each other.
"""

import re
import string
import unicodedata
from collections.abc import Iterator
from functools import cache

from segments.languages.scripts import UNSPACED

# A letter, and a letter or a digit, of a script with spaces.
_LETTER = rf"[^\W\d_{UNSPACED}]"
_CHAR = rf"[^\W_{UNSPACED}]"
# The same for most texts, four times as fast.
_ASCII_LETTER, _ASCII_CHAR = "[A-Za-z]", "[A-Za-z0-9]"
# Longer ones are data, such as a key in base 64, which nobody types.
MOST_CHARS = 64

# Of these alone a text in ASCII has no forms, where a full stop is followed by a space.
_PLAIN = (string.ascii_letters + " \r\n\t,;!?'\"()").encode()
# What no form is without. It begins with one class of characters, which Python looks for fast; a
# number alone is no form.
_HINT = re.compile(
    r"[-.\d@/_:\\&+#]"
    r"(?:(?<!\d)(?=[^\W_])|(?<=\d)(?=[^\W\d_])|(?<=[^\W\d_]\d)|(?=[+#])|(?<=[^\W_][+#]))"
)
_PATTERN = r"""
    (?<!CHAR)
    (?:
        (?P<joined> CHAR++ (?: [-._/:@&\\]{1,2} CHAR++ )++ )
      | (?P<mixed> (?: LETTER++ \d | \d++ LETTER ) CHAR*+ )
      | (?P<plain> LETTER++ (?= \+\+ | [+#](?!\w) ) )
    )
    (?P<sign> \+\+ | [+#](?![\w+#]) )?
  | (?<! [\w.)\]] ) \. (?P<dotted> LETTER CHAR*+ )
"""


@cache  # made when first needed: each takes as long as loading the rest of the languages
def _form(char: str, letter: str) -> re.Pattern[str]:
    pattern = _PATTERN.replace("CHAR", char).replace("LETTER", letter)
    return re.compile(pattern, re.VERBOSE)


_SIGNS = {"++": "plusplus", "+": "plus", "#": "sharp", "": ""}
_PIECES = re.compile(r"\d+(?:\.\d+)+|[^\W\d_]+|\d+")
_HYPHENATED = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)+")
_HEXADECIMAL = re.compile(r"0[xX]([0-9a-fA-F]{2,})")
_VERSION = re.compile(r"v?(\d+(?:\.\d+)+)")
# PostgreSQL's parser does well with times of day.
_TIME = re.compile(r"\d+(?::\d\d){1,2}")


def has_forms(text: str) -> bool:
    """Whether `text` may have words with other forms; English prose without numbers has none."""
    if text.isascii():
        signs = text.encode().replace(b". ", b" ").translate(None, _PLAIN)
        if not signs or (signs == b"." and text.endswith(".")):
            return False
    return _HINT.search(text) is not None


def extra_forms(text: str, *, hyphenated: bool = True) -> Iterator[str]:
    """The other forms of the words of `text`, in the order of the words, in lower case.

    Without `hyphenated`, those of codes, names and numbers only.
    """
    words = " ".join([word for word in text.split() if not word.isalpha() and _HINT.search(word)])
    form_of = _form(_ASCII_CHAR, _ASCII_LETTER) if words.isascii() else _form(_CHAR, _LETTER)
    for found in form_of.finditer(words):
        if dotted := found["dotted"]:
            yield f"dot{dotted.lower()}"
            continue
        form = found["joined"] or found["mixed"] or found["plain"]
        if len(form) <= MOST_CHARS and (hyphenated or not _HYPHENATED.fullmatch(form)):
            yield from _forms_of(form.lower(), _SIGNS[found["sign"] or ""])


def _forms_of(form: str, sign: str) -> Iterator[str]:
    if version := _VERSION.fullmatch(form):
        if version[0] != version[1]:
            yield version[1]
        return
    words = re.split(r"[-._/:@&\\]+", form)
    if sign:
        yield words[-1] + sign
    if (len(words) == 1 and form.isalpha()) or _TIME.fullmatch(form):
        return
    if "@" in form:
        yield from _parts_of_address(form)
    elif len(words) > 1:
        yield "".join(words)
    yield from _pieces_of(form, words)


def _parts_of_address(address: str) -> Iterator[str]:
    """The name and the host, each as it stands and in one word."""
    for part in address.split("@"):
        yield part
        if not part.isalnum():
            yield re.sub(r"\W+|_", "", part)


def _pieces_of(form: str, words: list[str]) -> Iterator[str]:
    """Its words, and what stands between letters and digits, but for single characters."""
    if _HYPHENATED.fullmatch(form):
        return  # the parser gives the words of hyphenated ones
    if hexadecimal := _HEXADECIMAL.fullmatch(form):
        yield hexadecimal[1]
        return
    if len(words) > 1:
        yield from (word for word in words if len(word) > 1 and not _is_of_one_kind(word))
    pieces = _PIECES.findall(form)
    yield from (piece for piece in pieces if len(piece) > 1 and piece != form)


def _is_of_one_kind(word: str) -> bool:
    return word.isalpha() or word.isdigit()


# Letters without a decomposition into a base letter and a mark.
_LETTERS = {
    "ß": "ss", "ẞ": "SS", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O",
    "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "þ": "th", "Þ": "Th",
    "ı": "i", "ħ": "h", "Ħ": "H", "ё": "е", "Ё": "Е",
}  # fmt: skip
# Latin and Greek. Cyrillic й is a letter of its own, and so is every vowel sign of India.
_FOLDED_RANGES = ((0x00C0, 0x024F), (0x0386, 0x03CE), (0x1E00, 0x1FFF))
# Marks that Hebrew and Arabic leave out as a rule, and Arabic's stretching.
_MARKS = "\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u0640\u064b-\u0652\u0670"


def _without_mark(char: str) -> str:
    base = [each for each in unicodedata.normalize("NFD", char) if not unicodedata.combining(each)]
    return "".join(base)


_FOLDS = {
    char: base
    for first, last in _FOLDED_RANGES
    for char in map(chr, range(first, last + 1))
    if char.isalpha() and (base := _without_mark(char)) != char
} | _LETTERS
_FOLDING = str.maketrans(_FOLDS)
_MARK = re.compile(f"[{_MARKS}]+")
_FOLDABLE = "".join(map(re.escape, _FOLDS))
_ACCENTED = re.compile(rf"(?:{_LETTER}|[{_MARKS}])*[{_FOLDABLE}{_MARKS}](?:{_LETTER}|[{_MARKS}])*")
# PostgreSQL's stemmers of these languages fold these themselves.
_FOLDED_BY_STEMMER = {"de": re.compile("[äöüßÄÖÜ]")}


def folded(text: str) -> str:
    """`text` without diacritics."""
    return _MARK.sub("", text.translate(_FOLDING))


def folded_words(text: str, language: str) -> Iterator[str]:
    """The words of `text` that have diacritics, without them."""
    known = _FOLDED_BY_STEMMER.get(language)
    for found in _ACCENTED.finditer(text):
        word = found[0]
        if known is None or folded(rest := known.sub("", word)) != rest:
            yield folded(word)


# Nobody types these: soft hyphens, joiners, marks of direction.
_INVISIBLE = dict.fromkeys([0xAD, *range(0x200B, 0x2010), *range(0x202A, 0x202F), 0x2060, 0xFEFF])
_HYPHENS = {0x2010: "-", 0x2011: "-"}
_CLEANED = _INVISIBLE | _HYPHENS
# Wide and narrow forms, ligatures and the like: another shape of the same characters.
_SHAPES = re.compile("[\uff01-\uffef\ufb00-\ufb06\u2f00-\u2fdf\ufb50-\ufdff\ufe70-\ufefc]")


def cleaned(text: str) -> str:
    """`text` in composed characters of the usual shape, without invisible ones."""
    has_shapes = _SHAPES.search(text) is not None
    normal = unicodedata.normalize("NFKC" if has_shapes else "NFC", text)
    return normal.translate(_CLEANED)
