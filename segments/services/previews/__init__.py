"""The preview of a stored file: what it is, and what importing it would do."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import BinaryIO, Self, cast
from uuid import UUID

from datasets.models import DocForm, Document
from segments.exceptions import FileRefused, PreviewsBusy
from segments.files.columns import Columns, guess_doc_form
from segments.files.options import ImportMode, ImportOptions
from segments.files.sheets import open_sheet
from segments.files.types import DOCUMENT_FORMATS, FileDetails, RowProblem, SegmentRow
from segments.imports.dry_run import DryRun
from segments.imports.plan import Plan
from segments.imports.prepare_stats import sync_refusal
from segments.services.imports import dry_run_import
from segments.services.previews.aside import BESIDE
from segments.uploads import StoredFile, upload_storage

PROBLEMS_SHOWN = 50
# Of a document; converting and cutting that much takes a second or two.
PIECES_SHOWN = 200
_at_work: set[UUID] = set()
_lock = Lock()


@contextmanager
def one_at_a_time(tenant_id: UUID) -> Iterator[None]:
    """Bounds what the previews of a tenant take of a web process: a thread and a core's share.

    Raises:
        PreviewsBusy: one is being made already.
    """
    with _lock:
        if tenant_id in _at_work:
            raise PreviewsBusy
        _at_work.add(tenant_id)
    try:
        yield
    finally:
        with _lock:
            _at_work.discard(tenant_id)


def look_at(
    document: Document,
    file: BinaryIO,
    name: str,
    size: int,
    *,
    options: ImportOptions,
    most_rows: int | None = None,
) -> DryRun:
    """What importing a file would do, for whoever waits for it: one at a time of a tenant.

    Raises:
        PreviewsBusy: one is being made for the tenant, or too many for others.
        ImportRefused, FileRefused: as `dry_run_import`.
    """
    with one_at_a_time(document.tenant_id):
        if BESIDE.is_used:
            return BESIDE.dry_run(document, file, name, size, most_rows, options)
        return dry_run_import(document, file, name, size, most_rows=most_rows, options=options)


@dataclass(frozen=True, slots=True)
class ColumnUse:
    """A column of the file, and what it becomes; `use` is empty for one that is not used."""

    name: str
    use: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """A file in figures, columns and examples.

    All figures are of the rows checked. Where `is_partial`, `share` says in percent how much of
    the file they are, and `rows_expected` how many rows the whole file has at that rate.
    `refusal` says why the file cannot be imported as it is; it is empty if it can.
    """

    rows: int
    good: int
    failed: int
    tokens: int
    reused: int
    to_embed: int
    columns: list[ColumnUse]
    sample: list[SegmentRow]
    has_answers: bool
    problems: list[RowProblem]
    notices: list[str]
    is_partial: bool
    share: float
    rows_expected: int
    plan: Plan
    file_details: FileDetails
    uses: tuple[str, ...]
    refusal: str

    @property
    def is_document(self) -> bool:
        """Whether the file is a text that is cut, and not a table."""
        return self.file_details.format in DOCUMENT_FORMATS

    @classmethod
    def of(cls, found: DryRun, file_bytes: int) -> Self:
        """The preview of a file of `file_bytes` that a dry run has checked."""
        good = found.rows - found.failed
        share = min(found.bytes_read / max(file_bytes, 1), 1.0) if found.is_partial else 1.0
        return cls(
            rows=found.rows,
            good=good,
            failed=found.failed,
            tokens=found.tokens,
            reused=found.reused,
            to_embed=good - found.reused,
            columns=_uses(found.columns),
            sample=found.sample,
            has_answers=found.columns.answer is not None,
            problems=found.problems[:PROBLEMS_SHOWN],
            notices=found.notices,
            is_partial=found.is_partial,
            share=100 * share,
            rows_expected=round(found.rows / share) if share else found.rows,
            plan=found.plan,
            file_details=found.file_details,
            uses=found.columns.uses,
            refusal=_refusal(found),
        )

    @property
    def problems_unshown(self) -> bool:
        """Whether there are more bad rows than shown."""
        return self.failed > len({problem.line for problem in self.problems})


def preview_import(
    document: Document, stored: StoredFile, options: ImportOptions, most_rows: int
) -> Preview:
    """What importing the first `most_rows` rows of `stored` would do; nothing changes.

    Raises:
        ImportRefused: the document takes no segments now, or its model is not available.
        FileRefused: the file cannot be read with these options.
    """
    with opened(stored) as file:
        if is_document(file, stored.name, options):
            most_rows = min(most_rows, PIECES_SHOWN)
        found = look_at(
            document, file, stored.name, stored.size, most_rows=most_rows, options=options
        )
    return Preview.of(found, stored.size)


def is_document(file: BinaryIO, name: str, options: ImportOptions) -> bool:
    """Whether a file is a text that is cut; it is at its beginning again.

    Raises:
        FileRefused: it cannot be read with these options.
    """
    sheet = open_sheet(file, name, options)
    sheet.rows.close()
    file.seek(0)
    return sheet.details.format in DOCUMENT_FORMATS


def refuse_unreadable(stored: StoredFile) -> None:
    """Refuse a text, such as a PDF, that no option would make readable.

    Tables pass, and whatever cannot be opened: for those other options may help.

    Raises:
        FileRefused: it is damaged, protected or without a text; the reason says what to do.
    """
    with opened(stored) as file:
        try:
            sheet = open_sheet(file, stored.name, ImportOptions())
        except FileRefused:
            return
        try:
            if sheet.details.format in DOCUMENT_FORMATS:
                next(sheet.rows, None)
        finally:
            sheet.rows.close()


def column_names(stored: StoredFile, options: ImportOptions) -> tuple[str, ...]:
    """The header of the file, whether or not its columns suit a document.

    Raises:
        FileRefused: the file cannot be read with these options.
    """
    with opened(stored) as file:
        sheet = open_sheet(file, stored.name, options)
        sheet.rows.close()
        return sheet.header


def sample_texts(file: BinaryIO, name: str, options: ImportOptions) -> list[str]:
    """The first rows of a table, each as one text; none of a text. The file is at its beginning.

    Raises:
        FileRefused: the file cannot be read with these options.
    """
    sheet = open_sheet(file, name, options)
    sheet.rows.close()
    file.seek(0)
    return [" ".join(row.cells) for row in sheet.sample]


def guessed_doc_form(file: BinaryIO, name: str, options: ImportOptions) -> DocForm:
    """The form of document that the file's header suits; the file is at its beginning again.

    Raises:
        FileRefused: the file cannot be read, or its header suits no form.
    """
    sheet = open_sheet(file, name, options)
    sheet.rows.close()
    file.seek(0)
    return DocForm(guess_doc_form(sheet.header, options, sheet.sample))


@contextmanager
def opened(stored: StoredFile) -> Iterator[BinaryIO]:
    """The stored file, at its beginning."""
    with upload_storage().open(stored.key) as file:
        yield cast("BinaryIO", file)


def _refusal(found: DryRun) -> str:
    """Why the file cannot be imported as it is; bad rows are left out, unless it is a sync."""
    if not found.failed:
        return found.refusal
    return sync_refusal(found.failed) if found.plan.mode == ImportMode.SYNC else ""


def _uses(columns: Columns) -> list[ColumnUse]:
    uses: dict[int | None, str] = {
        columns.content: "question" if columns.answer is not None else "content",
        columns.answer: "answer",
        columns.keywords: "keywords",
        columns.external_id: "external id",
        columns.enabled: "enabled or disabled",
        **{place: f"metadata “{key}”" for key, place in columns.metadata},
    }
    return [
        ColumnUse(name or f"(column {place + 1}, unnamed)", uses.get(place, ""))
        for place, name in enumerate(columns.names)
    ]
