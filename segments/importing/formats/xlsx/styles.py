"""Which number format a cell's style asks for."""

from collections.abc import Mapping, Sequence
from typing import IO

from segments.importing.formats.xlsx.xml import parse

GENERAL = "General"
# ECMA-376 part 1, 18.8.30. Those a reader's locale decides (14, 22, 37–40) are shown by ISO 8601
# and without a currency.
BUILT_IN = {
    0: GENERAL,
    1: "0",
    2: "0.00",
    3: "#,##0",
    4: "#,##0.00",
    9: "0%",
    10: "0.00%",
    11: "0.00E+00",
    12: "# ?/?",
    13: "# ??/??",
    14: "yyyy-mm-dd",
    15: "d-mmm-yy",
    16: "d-mmm",
    17: "mmm-yy",
    18: "h:mm AM/PM",
    19: "h:mm:ss AM/PM",
    20: "h:mm",
    21: "h:mm:ss",
    22: "yyyy-mm-dd hh:mm",
    37: "#,##0;-#,##0",
    38: "#,##0;-#,##0",
    39: "#,##0.00;-#,##0.00",
    40: "#,##0.00;-#,##0.00",
    45: "mm:ss",
    46: "[h]:mm:ss",
    47: "mm:ss.0",
    48: "##0.0E+0",
    49: "@",
}


def read_formats(stream: IO[bytes] | None) -> Sequence[str]:
    """The format code of each cell style, by its number.

    Raises:
        XMLRefused: the part is not well-formed.
    """
    codes: dict[str, str] = {str(number): code for number, code in BUILT_IN.items()}
    styles: list[str] = []
    inside = ""

    def start(name: str, attributes: Mapping[str, str]) -> None:
        nonlocal inside
        if name in ("cellXfs", "cellStyleXfs", "cellStyles", "dxfs"):
            inside = name
        elif name == "numFmt":
            codes[attributes.get("numFmtId", "")] = attributes.get("formatCode", GENERAL)
        elif name == "xf" and inside == "cellXfs":
            styles.append(attributes.get("numFmtId", "0"))

    if stream is not None:
        parse(stream, start)
    return [codes.get(number, GENERAL) for number in styles]
