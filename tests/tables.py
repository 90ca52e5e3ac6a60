"""Tables as people keep them, one of each kind, with what has to be read from them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tests.workbooks import Cell, packed, parts_of, sheet_xml, workbook

GERMAN: list[Cell] = ["Frage", "Antwort", "Kategorie"]
ROWS: list[list[Cell]] = [
    ["Wie kündige ich?", "Schriftlich zum Monatsende.", "Vertrag"],
    ["Was kostet der Versand?", "Ab 50 Euro ist er frei.", "Versand"],
]
PAIRS = [(str(row[0]), str(row[1])) for row in ROWS]


@dataclass(frozen=True)
class Kept:
    """A file, and the pairs of content and answer in it; `line` is that of its first row."""

    name: str
    content: bytes
    pairs: Sequence[tuple[str, str | None]]
    line: int = 2
    options: dict[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name


def text(*lines: str, end: str = "\r\n") -> str:
    """Lines of a text file."""
    return end.join((*lines, ""))


def kept_files() -> Iterator[Kept]:
    """One of every kind."""
    title: list[list[Cell]] = [["Unsere Fragen"], [], ["Stand", None, "November"]]
    merged = '<mergeCells><mergeCell ref="A1:C1"/></mergeCells>'
    yield Kept("title.xlsx", workbook([*title, GERMAN, *ROWS], after=merged), PAIRS, 5)
    lines = [";".join(map(str, row)) for row in [GERMAN, *ROWS]]
    titled = text("Auszug der Fragen", "", "vom 3. Mai, 12 Uhr", *lines)
    yield Kept("title.csv", titled.encode("utf-8-sig"), PAIRS, 5)
    yield Kept("chosen.csv", text("a;b;c", *lines).encode(), PAIRS, 3, {"header_row": "2"})
    for codec in ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"):
        yield Kept(f"{codec}.csv", text(*lines).encode(codec), PAIRS)
    parts = parts_of({"Liste": sheet_xml([GERMAN, *ROWS])})
    backslashes = {name.replace("/", "\\"): xml for name, xml in parts.items()}
    yield Kept("backslashes.xlsx", packed(backslashes), PAIRS)
    upper = {name.upper() if "sheet" in name else name: xml for name, xml in parts.items()}
    yield Kept("case.xlsx", packed(upper), PAIRS)
    yield Kept("macros.xlsm", packed(parts | {"xl/vbaProject.bin": b"x"}), PAIRS)
    yield from _things()
    yield from _several()


def _things() -> Iterator[Kept]:
    header: list[Cell] = ["Name", "Price", "Remark"]
    rows: list[list[Cell]] = [["Pump", 12.5, "of steel"], ["Valve", 3, None]]
    passages = ["Name: Pump\nPrice: 12.5\nRemark: of steel", "Name: Valve\nPrice: 3"]
    yield Kept("things.xlsx", workbook([header, *rows]), [(text, None) for text in passages])
    by_template = [("Pump: 12.5", None), ("Valve: 3", None)]
    options: dict[str, object] = {"template": "{Name}: {Price}"}
    yield Kept("template.xlsx", workbook([header, *rows]), by_template, 2, options)


def _several() -> Iterator[Kept]:
    pairs = [("How do I cancel?\nHow can I quit?", "In writing."), ("Who pays?", "You do.")]
    columns = text(
        "Question 1,Question 2,Answer",
        "How do I cancel?,How can I quit?,In writing.",
        "Who pays?,,You do.",
    )
    yield Kept("columns.csv", columns.encode(), pairs)
    similar = columns.replace("Question 1", "question").replace("Question 2", "similar questions")
    yield Kept("similar.csv", similar.encode(), pairs)
    told: dict[str, object] = {"map": ["content=a", "content=b", "answer=c"]}
    mapped = columns.replace("Question 1,Question 2,Answer", "a,b,c")
    yield Kept("mapped.csv", mapped.encode(), pairs, 2, told)
    cell = text("Title,Content,Questions", 'x,In writing.,"How do I cancel?\nHow can I quit?"')
    yield Kept("lines.csv", cell.encode(), pairs[:1])
    sheets = parts_of(
        {
            "A": sheet_xml([["Frage", "Antwort"], ["Eins?", "Ja."]]),
            "B": sheet_xml([["Liste B"], ["Antwort", "Thema", "Frage"], ["Nein.", "x", "Zwei?"]]),
            "C": sheet_xml([]),
        }
    )
    both = [("Eins?", "Ja."), ("Zwei?", "Nein.")]
    yield Kept("first.xlsx", packed(sheets), both[:1])
    yield Kept("chosen.xlsx", packed(sheets), both[1:], 3, {"sheet": "B"})
    yield Kept("two.xlsx", packed(sheets), both, 2, {"sheet": ["A", "B"]})
    yield Kept("all.xlsx", packed(sheets), both, 2, {"sheet": "all"})


NEAR_NAMES = (
    ("Questoin,Anwser", "A?,b"),
    ("Frage (DE)*,Antwort (DE)*", "A?,b"),
    ("question_text,answer_text", "A?,b"),
    ("Ihre Frage,Unsere Antwort", "A?,b"),
    ("Pregunta;Respuesta", "A?;b"),
    ("Domanda;Risposta", "A?;b"),
    ("Re\u0301ponse;Question", "b;A?"),
    ("質問,回答", "A?,b"),
    ("질문,답변", "A?,b"),
    ("问题（选填）,分段内容（必填）", "A?,b"),
    ("Вопрос;Ответ", "A?;b"),
    ("Питання;Відповідь", "A?;b"),
    ("سؤال,جواب", "A?,b"),
    ("שאלה,תשובה", "A?,b"),
    ("प्रश्न,उत्तर", "A?,b"),
    ("Soru;Cevap", "A?;b"),
    ("Câu hỏi,Câu trả lời", "A?,b"),
    ("Pytanie\tOdpowiedź", "A?\tb"),
    ("คำถาม,คำตอบ", "A?,b"),
    ("Thema,Hinweis", "A?,ein langer Hinweis"),
)
