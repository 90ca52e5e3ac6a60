"""The cut of texts and questions: pure, the same for both, and without loss."""

import re
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segments.languages.analysis import ADDS, REPLACES, index_text, question_forms, question_text
from segments.languages.detection import detect
from segments.languages.word_forms import extra_forms, folded

ALPHABET = string.ascii_letters + string.digits + " .,-+#@/_:éüßñ我的猫很可爱สวัสดีカタかな한국어한글"
TEXTS = st.text(ALPHABET, max_size=80)
LANGUAGES = st.sampled_from(["", "en", "zh", "ja", "th", "ko", "fr"])


def words_of(text: str, language: str) -> list[str]:
    """What full text is made of for a segment of this text."""
    search_text = index_text(text, language)
    if search_text is None:
        return text.split()
    if search_text.startswith(REPLACES):
        return search_text[1:].split()
    return [*text.split(), *search_text[1:].split()]


@settings(deadline=None)  # the first Chinese word loads the dictionary
@given(TEXTS, LANGUAGES)
def test_a_question_has_no_word_that_its_text_lacks(text: str, language: str) -> None:
    asked = f"{question_text(text, language)} {question_forms(text, language)}"

    assert set(asked.split()) <= set(words_of(text, language))


@settings(deadline=None)
@given(TEXTS, LANGUAGES)
def test_the_cut_is_pure(text: str, language: str) -> None:
    assert index_text(text, language) == index_text(text, language)
    assert question_text(text, language) == question_text(text, language)


@settings(deadline=None)
@given(TEXTS, LANGUAGES)
def test_no_word_in_ascii_is_lost(text: str, language: str) -> None:
    def ascii_words(texts: str) -> set[str]:
        return set(re.findall(r"[A-Za-z0-9]+", texts))

    assert ascii_words(text) <= ascii_words(" ".join(words_of(text, language)))


@given(st.text(string.ascii_letters + " ,;!?'\"\n", max_size=200))
def test_plain_text_is_enough_as_it_is(text: str) -> None:
    assert index_text(text, "en") is None
    assert question_text(text, "en").split() == text.split()


@settings(deadline=None)
@given(st.text(max_size=100), LANGUAGES)
def test_any_text_is_taken(text: str, language: str) -> None:
    made = index_text(text, language)

    assert made is None or made[0] in (ADDS, REPLACES)
    question_text(text, language)
    question_forms(text, language)


FORMS = {
    "C++": ["cplusplus"],
    "C#": ["csharp"],
    ".NET": ["dotnet"],
    "node.js": ["nodejs", "node", "js"],
    "v1.2.3": ["1.2.3"],
    "1.2.3": [],
    "AB-1234/5": ["ab12345", "ab", "1234"],
    "AB1234/5": ["ab12345", "ab1234", "ab", "1234"],
    "0x80070057": ["80070057"],
    "wi-fi": ["wifi"],
    "10:30": [],
    "1999": [],
    "3.14": [],
    "end. Next": [],
    "x" * 40 + "-" + "y" * 40: [],
}


@pytest.mark.parametrize("text", FORMS)
def test_extra_forms(text: str) -> None:
    assert list(extra_forms(text)) == FORMS[text]


@pytest.mark.parametrize(
    ("text", "plain"),
    [("résumé", "resume"), ("Łódź", "Lodz"), ("Straße", "Strasse"), ("й", "й"), ("ёж", "еж")],
)
def test_folding(text: str, plain: str) -> None:
    assert folded(text) == plain


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "How do I reset my password when I have lost it?"),
        ("de", "Wie kann ich mein Passwort zurücksetzen, wenn ich es vergessen habe?"),
        ("fr", "Comment réinitialiser mon mot de passe si je l'ai oublié ?"),
        ("ru", "Как восстановить пароль, если я его забыл?"),
        ("zh", "如果我忘记了密码，应该如何重新设置密码呢？请告诉我"),
        ("ja", "パスワードを忘れた場合はどうすればよいですか。教えてください"),
        ("ko", "비밀번호를 잊어버렸을 때 어떻게 재설정하나요? 알려 주세요"),
        ("th", "ฉันจะรีเซ็ตรหัสผ่านได้อย่างไรเมื่อฉันลืมมัน"),
        ("", "x1 y2"),
        ("", "Paris London"),
    ],
)
def test_detection(language: str, text: str) -> None:
    assert detect([text] * 3) == language
