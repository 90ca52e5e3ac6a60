"""Texts in any language, found by the forms of words that people type."""

import pytest

from datasets.models import Dataset, DocForm
from segments.models import DocumentSegment
from segments.search import SearchMethod, search
from segments.search.words import corrections, variants_of
from segments.services.segments import NewText, update_segment

from .conftest import ImportText, MakeDocument

pytestmark = pytest.mark.django_db(transaction=True)

# Rows that share no word with the questions, so that only a form finds the right one.
OTHERS = ["A quiet morning by the sea", "Bread is baked before sunrise", "Trains leave on time"]
FORMS = [
    ("Our résumé service is free", "resume"),
    ("Our resume service is free", "résumé"),
    ("Bring a crème brûlée", "creme brulee"),
    ("Templates in C++ are checked late", "C++"),
    ("Templates in C# are checked late", "C#"),
    ("Write it in F# if you like", "f#"),
    ("Install .NET first", ".NET"),
    ("Install .NET first", "dotnet"),
    ("A server made with node.js", "nodejs"),
    ("A server made with nodejs", "node.js"),
    ("A server made with Node.js", "node js"),
    ("Fixed in v1.2.3 of the program", "1.2.3"),
    ("Fixed in 1.2.3 of the program", "v1.2.3"),
    ("It needs Python3.11 to run", "python 3.11"),
    ("Order part AB-1234/5 today", "AB1234/5"),
    ("Order part AB1234/5 today", "AB-1234/5"),
    ("Meets ISO-9001 rules", "ISO 9001"),
    ("Meets ISO 9001 rules", "ISO9001"),
    ("It fails with 0x80070057 always", "80070057"),
    ("It fails with 80070057 always", "0x80070057"),
    ("It fails with 0x8007000E always", "8007000e"),
    ("Ask jane.doe@example.org for it", "jane.doe@example.org"),
    ("Ask jane.doe@example.org for it", "example.org"),
    ("Ask jane.doe@example.org for it", "jane doe"),
    ("Ask jane.doe@example.org for it", "jane.doe"),
    ("Turn the wi-fi on", "wifi"),
    ("Turn the wifi on", "Wi-Fi"),
    ("Set max_connections higher", "max connections"),
    ("See CVE-2024-12345 for more", "cve 2024 12345"),
    ("The book 978-3-16-148410-0 is new", "9783161484100"),
    ("Full width ＡＢＣ１２３ letters", "ABC123"),
    ("A soft\u00adhyphen inside", "softhyphen"),
    ("我的猫很可爱，它喜欢睡觉", "猫"),
    ("中华人民共和国的首都是北京", "首都北京"),
    ("用 C++ 写的程序很快", "C++ 程序"),
    ("สุนัขของฉันชอบวิ่งเล่นในสวน", "สุนัข"),
    ("東京都の人口は増えている", "人口"),
    ("コンピュータを買いました", "コンピュータ"),
    ("서울에서 만나요", "서울"),
    ("ລາວເປັນປະເທດທີ່ສວຍງາມ", "ປະເທດ"),
    ("ភាសាខ្មែរពិរោះណាស់", "ខ្មែរ"),
]


@pytest.fixture
def forms(dataset: Dataset, make_document: MakeDocument, import_text: ImportText) -> Dataset:
    """A dataset with all the texts."""
    rows = [*OTHERS, *(f'"{text}"' for text in dict.fromkeys(text for text, _ in FORMS))]
    import_text(make_document(dataset, doc_form=DocForm.TEXT), "content\n" + "\n".join(rows))
    dataset.refresh_from_db()
    return dataset


@pytest.mark.parametrize("method", ["full_text", "hybrid"])
def test_a_form_finds_the_others(forms: Dataset, method: str) -> None:
    missed = [
        (text, question)
        for text, question in FORMS
        if text not in [hit.content for hit in search(forms, question, method, top_k=5)]
    ]

    assert not missed


def test_a_word_with_one_wrong_letter_is_found(
    economy: Dataset, make_document: MakeDocument, import_text: ImportText
) -> None:
    rows = [*OTHERS, "Check the torque of every wheel"]
    import_text(make_document(economy, doc_form=DocForm.TEXT), "content\n" + "\n".join(rows))

    for question in ("tprque", "torqe", "torquue", "torqeu", "orque", "tourqe"):
        found = search(economy, question, SearchMethod.FULL_TEXT)

        assert [hit.content for hit in found] == [rows[-1]], question
        assert "torque" in corrections(economy, [question])[question]


def test_a_known_word_counts_more_than_its_correction() -> None:
    variants = list(variants_of("wheels"))

    assert len(set(variants)) == len(variants)
    assert {"wheel", "hweels", "wheals", "wheeels"} <= set(variants)
    assert "wheels" not in variants


def german(economy: Dataset, rows: list[str], load: ImportText, make: MakeDocument) -> None:
    """A German dataset of these rows."""
    economy.language, economy.text_search_config = "de", "german"
    economy.save()
    load(make(economy, doc_form=DocForm.TEXT), "content\n" + "\n".join(rows))


GERMAN = [
    ("Die Krankenversicherungskarte liegt bereit", "Krankenversicherung"),
    ("Eine Reisekrankenversicherung lohnt sich", "Krankenversicherung"),
    ("Eine Reisekrankenversicherung lohnt sich", "versicherung"),
    ("Das Bundesverfassungsgericht entscheidet", "Gericht"),
    ("Die Häuser am Fluss", "haus"),
    ("Die Straße ist gesperrt", "strasse"),
    ("Herr Müller kommt", "Muller"),
]


def test_german_compounds_and_umlauts(
    economy: Dataset, make_document: MakeDocument, import_text: ImportText
) -> None:
    german(economy, list(dict.fromkeys(text for text, _ in GERMAN)), import_text, make_document)

    for text, question in GERMAN:
        assert text in [hit.content for hit in search(economy, question)], question


LANGUAGES = {
    "de": ("german", ["Wie kann ich mein Passwort zurücksetzen?", "Wo finde ich die Rechnung?"]),
    "zh": ("simple", ["我的猫很可爱，它喜欢在阳光下睡觉", "北京是中华人民共和国的首都"]),
    "fr": ("french", ["Où se trouve la gare la plus proche ?", "Je voudrais réserver une table."]),
    "en": ("english", ["How do I reset my password?", "Where can I find the invoice?"]),
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_first_import_shows_the_language(
    economy: Dataset, make_document: MakeDocument, import_text: ImportText, language: str
) -> None:
    config, rows = LANGUAGES[language]
    import_text(make_document(economy, doc_form=DocForm.TEXT), "content\n" + "\n".join(rows))

    economy.refresh_from_db()
    assert (economy.language, economy.text_search_config) == (language, config)


def test_a_language_without_a_configuration_is_searched_by_its_words_as_they_are(
    economy: Dataset, make_document: MakeDocument, import_text: ImportText
) -> None:
    rows = ["Gdzie znajdę fakturę za ostatni miesiąc?", "Jak zmienić hasło do konta?"]
    import_text(make_document(economy, doc_form=DocForm.TEXT), "content\n" + "\n".join(rows))

    economy.refresh_from_db()
    assert (economy.language, economy.text_search_config) == ("pl", "simple")
    assert [hit.content for hit in search(economy, "fakturę")] == rows[:1]


def test_an_edit_keeps_its_full_text_right(
    economy: Dataset, make_document: MakeDocument, import_text: ImportText
) -> None:
    import_text(make_document(economy, doc_form=DocForm.TEXT), "content\n我的猫很可爱\nplain")
    segment = DocumentSegment.objects.get(position=1)
    assert segment.search_text
    assert DocumentSegment.objects.get(position=2).search_text is None

    update_segment(segment.pk, NewText("北京是首都"))

    assert not search(economy, "猫")
    assert [hit.content for hit in search(economy, "首都")] == ["北京是首都"]


def test_a_text_written_past_the_services_is_found_by_its_own_words(
    economy: Dataset, make_document: MakeDocument, import_text: ImportText
) -> None:
    import_text(make_document(economy, doc_form=DocForm.TEXT), "content\n我的猫很可爱")

    DocumentSegment.objects.update(content="plain words")

    assert not search(economy, "猫")
    assert search(economy, "plain")
