"""What is wrong with a file, as a whole or as one upload."""

from http import HTTPStatus

from datasets.exceptions import NotFound, SegmillError


class FileRefused(SegmillError):
    """The file as a whole cannot be read as segments."""

    code = "file_refused"


class FileUnreadable(FileRefused):
    """It is not there, is a folder, or may not be read."""

    code = "file_unreadable"


class FileUnwritable(SegmillError):
    """A file cannot be written where it was asked for."""

    code = "file_unwritable"


class FileEmpty(FileRefused):
    """There is no row in it."""

    code = "file_empty"


class FileTooLarge(FileRefused):
    """It is over a limit of this installation."""

    code = "file_too_large"
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class FileTooSlow(FileRefused):
    """Reading it takes longer than this installation allows."""

    code = "file_too_slow"


class FileProtected(FileRefused):
    """It is encrypted."""

    code = "file_protected"


class SheetNotFound(FileRefused):
    """The workbook has no sheet of that name."""

    code = "sheet_not_found"


class BodyTooLarge(SegmillError):
    """The body of a request is over a limit of this installation."""

    code = "body_too_large"
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class NoFileUploaded(FileRefused):
    """The form has no file in it."""

    code = "no_file_uploaded"


class TooManyFiles(FileRefused):
    """The form has several files, where one is expected."""

    code = "too_many_files"


class UploadNotFound(NotFound):
    """No such uploaded file of this tenant, or it was removed since."""

    noun = "uploaded file"


class FormatUnknown(FileRefused):
    """It is of no kind that Segmill reads."""

    code = "format_unknown"
    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class FileMalformed(FileRefused):
    """It breaks off or breaks its format's rules at a line."""

    code = "file_malformed"

    def __init__(self, line: int, what: str, remedy: str) -> None:
        self.line = line
        super().__init__(f"Line {line}: {what} {remedy}")


class HeaderRefused(FileRefused):
    """The columns are not those the document needs."""

    code = "header_refused"


class ExportRefused(SegmillError):
    """The segments do not fit into a file of that format."""

    code = "export_refused"
