"""A text ─► what full text is made of, where PostgreSQL's parser alone would not do.

Texts of segments and questions go through the same steps, so that they meet:

1. characters are brought into one form (`word_forms.cleaned`);
2. runs of scripts without spaces are cut into words (`scripts`);
3. words get the other forms that people type (`word_forms`), German compounds their parts.
"""

from segments.languages.compounds import parts_of_compounds
from segments.languages.scripts import cut_runs, has_unspaced
from segments.languages.word_forms import cleaned, extra_forms, folded_words, has_forms

# How a search text begins, for the SQL function `segments_full_text`.
ADDS = "+"
REPLACES = "="


def text_of(content: str, answer: str | None) -> str:
    """What is searched by words of a segment."""
    return f"{content} {answer}" if answer else content


def index_text(text: str, language: str) -> str | None:
    """What full text is made of besides, or instead of, `text`; None if `text` is enough.

    `+` and words: these in addition to the text. `=` and a text: that one instead. `language` is
    the dataset's, as an ISO 639-1 code, or empty. Texts in plain ASCII cost one scan.
    """
    if text.isascii() and language != "de":
        extra = list(extra_forms(text)) if has_forms(text) else []
        return f"{ADDS}{' '.join(extra)}" if extra else None
    clean, extra = _analysed(text, language)
    if has_unspaced(clean):
        clean = cut_runs(clean, language, question=False)
    extra += parts_of_compounds(clean, language)
    if clean != text:
        return f"{REPLACES}{' '.join((clean, *extra))}"
    return f"{ADDS}{' '.join(extra)}" if extra else None


def question_text(text: str, language: str) -> str:
    """The words of a question: cut, without the other forms of its words.

    Short pieces that stand for no more than parts of its words are left out.
    """
    return cut_runs(cleaned(text), language, question=True)


def question_forms(text: str, language: str) -> str:
    """The other forms of a question's words, which `index_text` puts into texts that have it."""
    return " ".join(_analysed(text, language)[1])


def question_codes(text: str, language: str) -> str:
    """Those of `question_forms` that are of codes, names and numbers, not of ordinary words."""
    return " ".join(extra_forms(cleaned(text), hyphenated=False))


def _analysed(text: str, language: str) -> tuple[str, list[str]]:
    if text.isascii():
        return text, list(extra_forms(text))
    clean = cleaned(text)
    return clean, [*extra_forms(clean), *folded_words(clean, language)]
