"""What the names of columns mean: our own names, and what people write in their languages."""

import re
import unicodedata
from difflib import get_close_matches
from functools import lru_cache

from segments.exceptions import OptionRefused

METADATA_PREFIX = "metadata."
# What a report of bad rows says; it comes back with the corrected rows.
ERROR_COLUMN = "error"
ESCAPED_COLUMN = "escaped"

# One line per language or group of close ones; a word is listed once, where it comes first.
QUESTIONS = """
question, questions, frage, fragen, pregunta, preguntas, pergunta, perguntas, domanda, domande,
vraag, vragen, fråga, frågor, spørgsmål, spørsmål, spurning, kysymys, kysymykset, küsimus,
pytanie, pytania, otázka, otázky, pitanje, pitanja, vprašanje, vprašanja, kérdés, kérdések,
întrebare, întrebări, jautājums, jautājumi, klausimas, klausimai, galdera, swali, tanong,
вопрос, вопросы, питання, запитання, въпрос, въпроси, питање, питања, прашање, пытанне,
ερώτηση, ερωτήσεις, soru, sorular, sual, savol, сұрақ, асуулт, კითხვა, հարց,
سؤال, السؤال, أسئلة, الأسئلة, سوال, سوالات, پرسش, שאלה, שאלות,
प्रश्न, सवाल, প্রশ্ন, கேள்வி, ప్రశ్న, ಪ್ರಶ್ನೆ, ചോദ്യം, પ્રશ્ન, ਸਵਾਲ, ප්‍රශ්නය,
คำถาม, ຄຳຖາມ, សំណួរ, မေးခွန်း, câu hỏi, pertanyaan, soalan,
質問, 質問文, 質問内容, ご質問, 問い, 问题, 问, 提问, 标准问题, 問題, 問, 提問, 질문, 질문내용, 물음
"""
ANSWERS = """
answer, answers, antwort, antworten, réponse, réponses, respuesta, respuestas, resposta,
respostas, risposta, risposte, antwoord, antwoorden, svar, svör, vastaus, vastaukset, vastus,
odpowiedź, odpowiedzi, odpověď, odpovědi, odpoveď, odpovede, odgovor, odgovori, válasz, válaszok,
răspuns, răspunsuri, atbilde, atbildes, atsakymas, atsakymai, erantzuna, jibu, sagot,
ответ, ответы, відповідь, відповіді, отговор, отговори, одговор, одговори, адказ,
απάντηση, απαντήσεις, cevap, cevaplar, yanıt, yanıtlar, cavab, javob, жауап, хариулт, პასუხი,
պատասխան, جواب, الجواب, إجابة, الإجابة, اجابة, الاجابة, أجوبة, پاسخ, תשובה, תשובות,
उत्तर, जवाब, উত্তর, பதில், సమాధానం, ಉತ್ತರ, ഉത്തരം, જવાબ, ਜਵਾਬ, පිළිතුර,
คำตอบ, ຄຳຕອບ, ចម្លើយ, အဖြေ, câu trả lời, trả lời, jawaban, jawapan,
回答, 回答文, 回答内容, ご回答, 答え, 答, 答案, 答复, 回复, 答覆, 回覆, 解答,
답변, 답변내용, 답, 대답, 응답
"""
CONTENTS = """
content, segment content, inhalt, contenu, contenido, conteúdo, contenuto, inhoud, innehåll,
indhold, innhold, sisältö, treść, obsah, sadržaj, vsebina, tartalom, conținut, saturs, turinys,
содержание, содержимое, зміст, вміст, съдържание, садржај, περιεχόμενο, içerik,
المحتوى, محتوى, محتوا, תוכן, सामग्री, বিষয়বস্তু, เนื้อหา, nội dung, konten, kandungan,
分段内容, 内容, 內容, 分段內容, 本文, 내용, 본문
"""
# Used only where no column has one of the names above: they may as well be a remark.
WEAK_CONTENTS = """
text, body, passage, paragraph, absatz, texte, texto, testo, tekst, teksti, szöveg, текст,
κείμενο, metin, النص, نص, متن, טקסט, पाठ, ข้อความ, văn bản, teks, 文本, 正文, 段落, テキスト, 텍스트
"""
KEYWORDS = """
keywords, keyword, stichwörter, stichworte, stichwort, schlagwörter, schlagworte, schlüsselwörter,
mots-clés, mots clés, palabras clave, palavras-chave, palavras chave, parole chiave, trefwoorden,
nyckelord, nøgleord, nøkkelord, avainsanat, słowa kluczowe, klíčová slova, kľúčové slová,
ključne riječi, ključne besede, kulcsszavak, cuvinte cheie, ключевые слова, ключові слова,
ключови думи, кључне речи, λέξεις-κλειδιά, anahtar kelimeler, الكلمات المفتاحية, كلمات مفتاحية,
کلمات کلیدی, מילות מפתח, कीवर्ड, คำสำคัญ, từ khóa, kata kunci, 关键词, 关键字, 關鍵詞, 關鍵字,
キーワード, 키워드
"""
# More ways to ask what a row answers, as the templates of other products call them.
OTHER_QUESTIONS = """
similar question, similar questions, alternative question, alternative questions, variant,
variants, paraphrase, paraphrases, weitere fragen, alternative fragen, ähnliche fragen,
ähnliche frage, questions similaires, preguntas similares, perguntas similares,
domande simili, похожие вопросы, 相似问题, 相似问, 相似問題, 類似質問, 유사 질문
"""
# Marks that nobody sees; copied tables have them in their headers.
UNSEEN = dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"))
BRACKETED = re.compile(r"\([^()]*\)|（[^（）]*）|\[[^\[\]]*\]|【[^【】]*】|<[^<>]*>")
JOINTS = re.compile(r"[\s_\-./:*#|]+")
# Shorter words resemble too many others.
SHORTEST_SIMILAR = 5
SIMILAR = 0.8


def folded(name: str) -> str:
    """A column's name as it is compared."""
    plain = name if name.isascii() else unicodedata.normalize("NFKC", name.translate(UNSEEN))
    return plain.strip().casefold()


def _words(listed: str) -> tuple[str, ...]:
    return tuple(folded(word) for word in re.split(r"[,\n]", listed) if word.strip())


ALIASES = {
    "content": (*_words(CONTENTS), *_words(QUESTIONS)),
    "answer": _words(ANSWERS),
    "keywords": _words(KEYWORDS),
    "external_id": ("external_id",),
    "enabled": ("enabled",),
    "metadata": ("metadata",),
    "segment_id": ("segment_id",),
    "escaped": (ESCAPED_COLUMN,),
}
PART_OF = {alias: part for part, aliases in reversed(ALIASES.items()) for alias in aliases}
QUESTION_NAMES = frozenset(_words(QUESTIONS))
OTHER_QUESTION_NAMES = frozenset(_words(OTHER_QUESTIONS))
PASSAGE_NAMES = frozenset(_words(CONTENTS))
WEAK_NAMES = frozenset(_words(WEAK_CONTENTS))


def part_named(name: str) -> str | None:
    """The part that a column of this name is, if any."""
    if _is_metadata(name):
        return METADATA_PREFIX + name.strip()[len(METADATA_PREFIX) :]
    return PART_OF.get(folded(name))


def bare(name: str) -> str:
    """A name without remarks in brackets, numbers and marks: “1. Frage (DE)*” is “frage”."""
    words = JOINTS.split(BRACKETED.sub(" ", folded(name)))
    kept = [word.strip("0123456789.,;:!?*'\"") for word in words]
    return " ".join(word for word in kept if word)


@lru_cache(maxsize=1_000)
def part_resembled(name: str) -> str | None:
    """The part, content or answer, that a column of nearly this name was meant for, if any.

    A word of several counts, too (“Question text”, “Ihre Frage”), if the others are not a name.
    """
    plain = bare(name)
    if (part := PART_OF.get(plain)) in ("content", "answer"):
        return part
    if plain in WEAK_NAMES:
        return "content"
    parts = {PART_OF.get(word) for word in plain.split()} & {"content", "answer"}
    if len(parts) == 1 and len(plain.split()) <= 3:
        return parts.pop()
    return _resembled(plain)


def _resembled(plain: str) -> str | None:
    if len(plain) < SHORTEST_SIMILAR:
        return None
    words = [word for part in ("content", "answer") for word in ALIASES[part]]
    nearest = get_close_matches(plain, words, n=1, cutoff=SIMILAR)
    if nearest and min(len(nearest[0]), len(plain)) >= SHORTEST_SIMILAR:
        return PART_OF[nearest[0]]
    return None


def is_question_name(name: str) -> bool:
    """Whether a column holds questions by its name, perhaps one of several."""
    return bare(name) in QUESTION_NAMES or is_other_question_name(name)


def is_other_question_name(name: str) -> bool:
    """Whether a column holds further questions to the same answer, by its name."""
    return folded(name) in OTHER_QUESTION_NAMES or bare(name) in OTHER_QUESTION_NAMES


def similar_part(name: str) -> str | None:
    """The part that a column of this name may have been meant for, if it is hardly misspelt."""
    return next(iter(get_close_matches(folded(name), ALIASES, n=1, cutoff=0.8)), None)


def part_meant(given: str) -> str:
    """The part that a mapping means by a name.

    Raises:
        OptionRefused: there is no such part.
    """
    part = part_named(given)
    if part is None:
        nearest = get_close_matches(folded(given), ALIASES, n=1)
        hint = f"Did you mean {nearest[0]}?" if nearest else f"There are {', '.join(ALIASES)}."
        raise OptionRefused("map", f"“{given}” is not part of a segment.", hint)
    return part


def _is_metadata(name: str) -> bool:
    low = folded(name)
    return low.startswith(METADATA_PREFIX) and len(low) > len(METADATA_PREFIX)
