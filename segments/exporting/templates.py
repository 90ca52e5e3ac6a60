"""Empty tables to fill in, with a row that shows how."""

from collections.abc import Iterator

from datasets.models import DocForm
from segments.exporting.tables import Table, table_bytes
from segments.importing.types import FileFormat

EXAMPLES = {
    DocForm.TEXT: {
        "content": "The warranty lasts two years.",
        "keywords": "warranty, guarantee",
        "external_id": "manual-1",
        "metadata.page": "7",
        "enabled": "true",
    },
    DocForm.QA: {
        "question": "How long does the warranty last?",
        "answer": "Two years.",
        "keywords": "warranty, guarantee",
        "external_id": "faq-1",
        "metadata.page": "7",
        "enabled": "true",
    },
}
FORMATS = (FileFormat.CSV, FileFormat.XLSX)


def template(doc_form: DocForm, kind: FileFormat) -> Iterator[bytes]:
    """The file, in portions; it can be imported as it is."""
    example = EXAMPLES[doc_form]
    table = Table(list(example), lambda: [list(example.values())], keeps_shape=True)
    return table_bytes(table, kind)


def template_name(doc_form: DocForm, kind: FileFormat) -> str:
    """What to call the file."""
    what = "questions-and-answers" if doc_form == DocForm.QA else "passages"
    return f"{what}.{kind}"
