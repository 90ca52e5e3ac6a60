"""Text files in many encodings: found out, chosen, and never half read."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segments.exceptions import FileMalformed, OptionRefused
from segments.files import encodings
from segments.files.encodings import detect
from segments.files.options import ImportOptions
from segments.files.sheets import open_sheet

SAMPLES = {
    "windows-1252": "Frage;Antwort\nWie groß ist das Gerät?;Über fünf Meter – für 5 €.\n",
    "cp1250": "pytanie;odpowiedź\nGdzie jest żółta łódź?;W ogródku, już ćwierć wieku.\n",
    "cp1251": "вопрос;ответ\nГде находится ключ?;Под ковриком у двери.\n",
    "koi8-r": "вопрос;ответ\nГде находится ключ?;Под ковриком у двери.\n",
    "gb18030": "问题,答案\n如何重置设备？,按住按钮五秒钟。\n",
    "cp932": "質問,答え\nどうやってリセットしますか？,ボタンを長押しします。\n",
    "euc-jp": "質問,答え\nどうやってリセットしますか？,ボタンを長押しします。\n",
    "big5": "問題,答案\n如何重設裝置？,按住按鈕五秒鐘。\n",
    "cp949": "질문,답변\n어떻게 초기화합니까?,버튼을 5초간 누르세요.\n",
    "cp1253": "ερώτηση,απάντηση\nΠού είναι το κλειδί;,Κάτω από το χαλί.\n",
    "cp1254": "soru;cevap\nAnahtar nerede, şoför İstanbul'a gitti mi?;Kapının altında, çığlık.\n",
    "cp1255": "שאלה;תשובה\nאיפה המפתח?;מתחת לשטיח.\n",
    "cp1256": "سؤال;جواب\nأين المفتاح؟;تحت السجادة.\n",
    "utf-8": "Frage;Antwort\nWie groß?;日本語 – 😀\n",
    "utf-8-sig": "Frage;Antwort\nWie groß?;日本語 – 😀\n",
    "utf-16": "Frage;Antwort\nWie groß?;日本語 – 😀\n",
    "utf-32": "Frage;Antwort\nWie groß?;日本語 – 😀\n",
}


@pytest.mark.parametrize("codec", SAMPLES)
def test_the_usual_encodings_are_found_out(codec: str) -> None:
    text = SAMPLES[codec]
    sheet = open_sheet(io.BytesIO(text.encode(codec)), "rows.csv")

    lines = [sheet.header, *(row.cells for row in sheet.rows)]
    assert [sheet.details.delimiter.join(cells) for cells in lines] == text.splitlines()
    assert bool(sheet.notices) == (not codec.startswith("utf"))


def test_a_guess_is_told_with_its_name() -> None:
    sheet = open_sheet(io.BytesIO(SAMPLES["windows-1252"].encode("cp1252")), "rows.csv")
    assert sheet.details.encoding == "Windows-1252"
    assert "guessed: Windows-1252" in sheet.notices[0]


def test_the_encoding_that_is_chosen_counts() -> None:
    content = "content\nMüller\n".encode("cp850")
    sheet = open_sheet(io.BytesIO(content), "rows.csv", ImportOptions(encoding="cp850"))
    assert [row.cells for row in sheet.rows] == [("Müller",)]
    assert sheet.notices == []


@pytest.mark.parametrize(
    ("codec", "bad", "line"),
    [
        ("utf-8", "content\nübel\n".encode() + b"\xff\n", 3),
        ("shift-jis", "content\nこんにちは\n".encode("cp932") + b"\x80\n", 3),
        ("gb18030", "content\n你好\n".encode("gb18030") + b"\xff\xff\n", 3),
        ("utf-16", "content\nx\n".encode("utf-16") + b"\x00\xdc\x00", 3),
        ("cp1252", b"content\r\nx\ry\n\x81", 4),
        ("ascii", "content\r\nx\r\nü".encode(), 3),
    ],
)
def test_what_cannot_be_decoded_is_refused_with_its_line(codec: str, bad: bytes, line: int) -> None:
    options = ImportOptions.from_fields({"encoding": codec})
    with pytest.raises(FileMalformed, match="option encoding") as refused:
        list(open_sheet(io.BytesIO(bad), "rows.csv", options).rows)
    assert refused.value.line == line


def test_utf_8_with_a_damaged_line_is_not_taken_for_something_else() -> None:
    good = "Wo ist Köln?,Am Rhein – natürlich.\n" * 20
    content = ("content,answer\n" + good).encode() + "Köln?,Ja.\n".encode("cp1252")
    with pytest.raises(FileMalformed, match="Line 22: the byte 0xF6"):
        list(open_sheet(io.BytesIO(content), "rows.csv").rows)


@pytest.mark.parametrize("name", ["rot13", "base64", "utf-7", "idna", "no-such", "utf-8\0", ""])
def test_what_is_no_encoding_of_files_is_refused(name: str) -> None:
    if not name:
        assert ImportOptions.from_fields({"encoding": name}).encoding == ""
        return
    with pytest.raises(OptionRefused, match="encoding"):
        ImportOptions.from_fields({"encoding": name})


@given(st.binary(max_size=300))
def test_detection_answers_for_any_bytes_and_gives_the_file_back(content: bytes) -> None:
    file = io.BytesIO(content)
    encoding = detect(file)
    assert file.tell() == 0
    b"".decode(encoding.codec)
    assert encoding.name


def test_line_counter_joins_line_ends_cut_in_two() -> None:
    counter = encodings.LineCounter()
    for part in ("a\r", "\nb", "\r", "c\n", "", "d"):
        counter.add(part)
    assert (counter.line, counter.column) == (4, 2)
