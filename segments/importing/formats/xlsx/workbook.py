"""Which sheets a workbook has, and which one is to be read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from segments.exceptions import SheetNotFound
from segments.importing.formats.xlsx.package import WORKBOOK, Package
from segments.importing.formats.xlsx.xml import parse

SHEET_RELATION = "/worksheet"
STRINGS_RELATION = "/sharedStrings"
STYLES_RELATION = "/styles"
OFFICE_DOCUMENT = "/officeDocument"


@dataclass(frozen=True, slots=True)
class SheetEntry:
    """A sheet as the workbook lists it, and the part it is in."""

    name: str
    part: str
    is_hidden: bool


@dataclass(frozen=True, slots=True)
class Workbook:
    """What there is to know before a sheet is read."""

    sheets: Sequence[SheetEntry]
    strings: str | None
    styles: str | None
    is_1904: bool


def read_workbook(package: Package) -> Workbook:
    """The sheets of a package and the parts they need."""
    part = _workbook_part(package)
    relations = _relations(package, part)
    listed: list[Mapping[str, str]] = []
    properties: dict[str, str] = {}

    def start(name: str, attributes: Mapping[str, str]) -> None:
        if name == "sheet":
            listed.append({key.rpartition(":")[2]: value for key, value in attributes.items()})
        elif name == "workbookPr":
            properties.update(attributes)

    with package.open(part) as stream:
        parse(stream, start)
    sheets = [
        SheetEntry(
            entry.get("name", ""),
            relations[entry["id"]][1],
            entry.get("state", "") not in ("", "visible"),
        )
        for entry in listed
        if entry.get("id") in relations and relations[entry["id"]][0].endswith(SHEET_RELATION)
    ]
    if not sheets:
        raise package.damaged("it has no sheet of cells")
    return Workbook(
        sheets,
        _target(package, relations, STRINGS_RELATION),
        _target(package, relations, STYLES_RELATION),
        properties.get("date1904", "").lower() in ("1", "true"),
    )


def choose_sheet(workbook: Workbook, wanted: str) -> SheetEntry:
    """The sheet named `wanted`; without a name, the first that is not hidden.

    Raises:
        SheetNotFound: with the names there are.
    """
    if not wanted:
        visible = [sheet for sheet in workbook.sheets if not sheet.is_hidden]
        return (visible or list(workbook.sheets))[0]
    for sheet in workbook.sheets:
        if sheet.name.strip().casefold() == wanted.strip().casefold():
            return sheet
    names = [sheet.name for sheet in workbook.sheets]
    nearest = get_close_matches(wanted, names, n=1)
    hint = f"Did you mean “{nearest[0]}”? " if nearest else ""
    raise SheetNotFound(f"There is no sheet “{wanted}”. {hint}The file has {listed_sheets(names)}.")


def listed_sheets(names: Sequence[str]) -> str:
    """The sheets by name, as far as a message has room."""
    return ", ".join(f"“{name}”" for name in names[:20]) + (" …" if len(names) > 20 else "")


def sheet_notices(workbook: Workbook, chosen: SheetEntry) -> list[str]:
    """Which sheets are not read."""
    others = [sheet for sheet in workbook.sheets if sheet is not chosen]
    if not others:
        return []
    listed = ", ".join(
        f"“{sheet.name}”" + (" (hidden)" if sheet.is_hidden else "") for sheet in others[:10]
    )
    more = " …" if len(others) > 10 else ""
    return [f"The sheet “{chosen.name}” was read; not read: {listed}{more} (option sheet)."]


def _workbook_part(package: Package) -> str:
    for kind, part in _relations(package, "").values():
        if kind.endswith(OFFICE_DOCUMENT):
            return part
    return WORKBOOK


def _relations(package: Package, part: str) -> dict[str, tuple[str, str]]:
    """What a part refers to inside the package: id → (type, part)."""
    folder, _, name = part.rpartition("/")
    path = f"{folder}/_rels/{name}.rels".lstrip("/") if part else "_rels/.rels"
    found: dict[str, tuple[str, str]] = {}

    def start(name: str, attributes: Mapping[str, str]) -> None:
        if name == "Relationship" and attributes.get("TargetMode") != "External":
            target = package.resolved(part, attributes.get("Target", ""))
            found[attributes.get("Id", "")] = (attributes.get("Type", ""), target)

    if package.has(path):
        with package.open(path) as stream:
            parse(stream, start)
    return found


def _target(package: Package, relations: Mapping[str, tuple[str, str]], kind: str) -> str | None:
    return next(
        (part for found, part in relations.values() if found.endswith(kind) and package.has(part)),
        None,
    )
