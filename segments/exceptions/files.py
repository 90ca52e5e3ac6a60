"""What can be wrong with a file as a whole, or with its upload."""

from http import HTTPStatus

from datasets.exceptions import NotFound, SegmillError


class FileRefused(SegmillError):
    """The file as a whole cannot be read as segments."""

    code = "file_refused"


class FileUnreadable(FileRefused):
    """The file does not exist, is a folder, or may not be read."""

    code = "file_unreadable"


class FileUnwritable(SegmillError):
    """A file cannot be written to the requested path."""

    code = "file_unwritable"


class FileEmpty(FileRefused):
    """The file has no rows."""

    code = "file_empty"


class FileTooLarge(FileRefused):
    """The file exceeds a limit of this installation."""

    code = "file_too_large"
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class FileTooSlow(FileRefused):
    """Reading the file takes longer than this installation allows."""

    code = "file_too_slow"


class FileProtected(FileRefused):
    """The file is encrypted."""

    code = "file_protected"


class FileDamaged(FileRefused):
    """The document is damaged so far that nothing of it can be read."""

    code = "file_damaged"


class SheetNotFound(FileRefused):
    """The workbook has no sheet with that name."""

    code = "sheet_not_found"


class BodyTooLarge(SegmillError):
    """A request body exceeds a limit of this installation."""

    code = "body_too_large"
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class NoFileUploaded(FileRefused):
    """The form contains no file."""

    code = "no_file_uploaded"


class TooManyFiles(FileRefused):
    """The form contains several files where one is expected."""

    code = "too_many_files"


class UploadNotFound(NotFound):
    """This tenant has no such uploaded file, or it has been removed."""

    noun = "uploaded file"


class FileTypeRefused(FileRefused):
    """No document is made of that kind of file."""

    code = "unsupported_file_type"
    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class FormatUnknown(FileRefused):
    """Segmill does not read this kind of file."""

    code = "format_unknown"
    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class FileMalformed(FileRefused):
    """The file is cut off, or violates its format at a line."""

    code = "file_malformed"

    def __init__(self, line: int, what: str, remedy: str) -> None:
        self.line = line
        super().__init__(f"Line {line}: {what} {remedy}")


class HeaderRefused(FileRefused):
    """The columns are not the ones the document needs."""

    code = "header_refused"


class ExportRefused(SegmillError):
    """The segments do not fit into a file of that format."""

    code = "export_refused"
