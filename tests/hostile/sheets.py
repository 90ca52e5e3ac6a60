"""Sheets that are damaged as XML, and cells that cannot be a part of a segment."""

from collections.abc import Iterator
from itertools import product

from tests.hostile.case import MIB, Hostile
from tests.workbooks import Cell, packed, parts_of, sheet_xml, workbook


def files() -> Iterator[Hostile]:
    yield from _sheets()
    yield from _bad_cells()


def _sheet(xml: str) -> bytes:
    return packed(parts_of({"A": xml}))


def _sheets() -> Iterator[Hostile]:
    good = sheet_xml([["content", "answer"], ["a", "b"], ["c", "d"]])
    swaps = {
        "rows backwards": ('<row r="3">', '<row r="1">'),
        "row 0": ('<row r="2">', '<row r="0">'),
        "row 1,048,577": ('<row r="3">', '<row r="1048577">'),
        "a row of 5,000 digits": ('<row r="3">', f'<row r="{"9" * 5_000}">'),
        "a row that is not a number": ('<row r="3">', '<row r="x">'),
        "cells backwards": ('r="B3"', 'r="A3"'),
        "column ZZZZ": ('r="B3"', 'r="ZZZZ3"'),
        "no column": ('r="B3"', 'r="33"'),
        "an unclosed tag": ("</sheetData>", ""),
        "a tag of 3 MB": ("<sheetData>", f'<sheetData x="{"y" * (3 * MIB)}">'),
        "a forbidden character": ("<t>c</t>", "<t>\x01</t>"),
        "a character that is none": ("<t>c</t>", "<t>&#0;</t>"),
        "an unknown entity": ("<t>c</t>", "<t>&lol;</t>"),
        "an unknown encoding": ("<worksheet", '<?xml version="1.0" encoding="x"?><worksheet'),
        "a missing shared text": ("<t>c</t>", '</is></c><c r="B3" t="s"><v>9</v></c><c><is>'),
        "a shared text before the first": (
            'r="A3" t="inlineStr"><is><t>c</t></is>',
            'r="A3" t="s"><v>-1</v>',
        ),
        "a style there is not": ('r="A3" t="inlineStr"><is><t>c</t></is>', 'r="A3" s="9"><v>1</v>'),
        "a number that is none": ('r="A3" t="inlineStr"><is><t>c</t></is>', 'r="A3"><v>1.2.3</v>'),
        "deep tags": ("<sheetData>", "<a>" * 100_000 + "<sheetData>"),
    }
    for name, (old, new) in swaps.items():
        yield Hostile(f"a sheet with {name}", _sheet(good.replace(old, new, 1)), "damaged")
    yield Hostile("an empty sheet", lambda: workbook([]), "is empty")
    titled = [["Handbook"], [], ["content", "answer"], ["a", "b"]]
    yield Hostile("a title above a sheet's header", workbook(titled), "header was found in row 3")
    yield Hostile("another sheet first", _two_sheets, "not read")
    merges = "<mergeCells>" + '<mergeCell ref="A2:B3"/>' * 100_001 + "</mergeCells>"
    yield Hostile(
        "100,001 merges",
        lambda: _sheet(good.replace("</worksheet>", f"{merges}</worksheet>")),
        "merged",
    )


def _two_sheets() -> bytes:
    one = sheet_xml([["content", "answer"], ["a", "b"]])
    return packed(parts_of({"Hidden": one, "Shown": one}, hidden=["Hidden"]))


def _bad_cells() -> Iterator[Hostile]:
    cells: dict[str, tuple[Cell, str]] = {
        "a formula never calculated": (("", "<f>A1</f>"), "never calculated"),
        "a formula with an empty value": (("", "<f>A1</f><v/>"), "never calculated"),
        "a formula that gives no text": (('t="str"', "<f>A1</f><v/>"), "is blank"),
        "a switch without a value": (('t="b"', "<v/>"), "is blank"),
        **{
            f"the error {error}": (('t="e"', f"<v>{error}</v>"), error)
            for error in ("#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!")
        },
        "nothing": (None, "is blank"),
        "blanks": (" \u3000", "is blank"),
        "40,000 characters over": ("x" * 140_000, "100,000 are allowed"),
        "half a character": (('t="inlineStr"', "<is><t>_xD800_</t></is>"), "half a character"),
        "a NUL by its number": (('t="inlineStr"', "<is><t>a_x0000_</t></is>"), "NUL"),
    }
    for (name, (cell, says)), place in product(cells.items(), (0, 1)):
        row: list[Cell] = ["a", "b"]
        row[place] = cell
        yield Hostile(
            f"{name} in column {place + 1}",
            workbook([["content", "answer"], ["x", "y"], row]),
            says,
        )
    merged = '<mergeCells><mergeCell ref="B2:B3"/></mergeCells>'
    yield Hostile(
        "merged cells",
        lambda: workbook([["content", "answer"], ["a", "b"], ["c", None]], after=merged),
        "merged with B2",
    )
    far = sheet_xml([["content", "answer"], ["a", "b"]]).replace(
        "</row></sheetData>", '<c r="XFD2"><v>1</v></c></row></sheetData>'
    )
    yield Hostile("a cell in the last column", lambda: _sheet(far), "columns are allowed")
