"""`import_segments`: names, options, its two ways to answer, its exit code."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from datasets.models import Dataset, DocForm, Document, IndexingTechnique, Tenant
from segments.models import DocumentSegment, ImportJob
from segments.models.import_job import ImportSource, ImportStatus
from tests.bad_files import BAD_FILES, BadFile, says_all
from tests.commands import REPORT_KEYS
from tests.conftest import FILES
from tests.servers.embeddings import EmbeddingsServer

from .conftest import MakeDocument
from .snapshot import snapshot

pytestmark = pytest.mark.django_db(transaction=True)

QA = "question,answer\nHow do I reset it?,Hold the button.\nWhere is it made?,In Ulm.\n"
PLACE = ("--tenant", "acme", "--dataset", "handbook", "--document", "faq")
NEW_PLACE = ("--tenant", "new", "--dataset", "kb", "--document", "doc", "--create")


@dataclass(frozen=True, slots=True)
class Answer:
    """What `--json` gave: one object, the exit code that goes with it, and standard error."""

    report: dict[str, Any]
    stderr: str

    @property
    def error(self) -> str:
        """Why it was refused."""
        assert self.report["status"] == "failed"
        return str(self.report["error"])


def answer(*arguments: object) -> Answer:
    """The answer of `import_segments … --json`."""
    stdout, stderr, code = StringIO(), StringIO(), 0
    try:
        call_command(
            "import_segments", *map(str, arguments), "--json", stdout=stdout, stderr=stderr
        )
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    report = json.loads(stdout.getvalue())
    assert tuple(key for key in report if key != "plan") == REPORT_KEYS
    assert ("plan" in report) <= (report["status"] == "dry_run")
    assert code == (report["status"] not in ("completed", "dry_run") or bool(report["error"]))
    return Answer(report, stderr.getvalue())


@pytest.fixture
def qa_file(write_file: Callable[..., Path]) -> Path:
    """Two good questions with answers."""
    return write_file(QA, "faq.csv")


def test_a_completed_import_is_reported(document: Document, qa_file: Path) -> None:
    report = answer(qa_file, *PLACE).report

    job = ImportJob.objects.get()
    assert (job.source, job.background, job.file_name) == (ImportSource.COMMAND, False, "faq.csv")
    assert report["job_id"] == str(job.pk)
    assert report["status"] == "completed"
    counts = {key: report[key] for key in REPORT_KEYS[2:11]}
    assert counts == {
        **{"rows": 2, "created": 2, "updated": 0, "skipped": 0, "deleted": 0},
        **{"failed": 0, "embedded": 2, "reused": 0, "tokens": 11},
    }
    seconds = report["seconds"]
    assert seconds["total"] >= seconds["prepare"] + seconds["embed"] + seconds["publish"] - 0.01
    assert (report["errors"], report["error"]) == ([], None)


def test_a_person_gets_a_table(
    document: Document, qa_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stdout = StringIO()

    call_command("import_segments", str(qa_file), *PLACE, stdout=stdout)

    shown = stdout.getvalue()
    assert [line for line in shown.splitlines() if "created" in line and " 2 " in line]
    assert "Bad rows" not in shown
    progress = capsys.readouterr().err
    assert progress.index("Reading and checking") < progress.index("Embedding")
    assert progress.index("Embedding") < progress.index("Publishing")


def test_a_person_is_told_why_an_import_did_not_begin_and_nothing_else(
    document: Document, qa_file: Path
) -> None:
    stdout = StringIO()

    with pytest.raises(CommandError, match="Did you mean “faq”"):
        call_command("import_segments", str(qa_file), *PLACE, "--document", "faqs", stdout=stdout)

    assert stdout.getvalue() == ""


def test_a_dry_run_says_how_long_checking_took(document: Document, qa_file: Path) -> None:
    seconds = answer(qa_file, *PLACE, "--dry-run").report["seconds"]

    assert seconds["prepare"] == seconds["total"] > 0
    assert seconds["embed"] == seconds["publish"] == 0


def test_a_person_is_told_of_bad_rows(document: Document, write_file: Callable[..., Path]) -> None:
    file, stdout = write_file("question,answer\nWhy?,\n"), StringIO()

    with pytest.raises(CommandError, match="1 of 1 row is bad"):
        call_command("import_segments", str(file), *PLACE, stdout=stdout)

    assert "Bad rows" in stdout.getvalue()
    assert "The answer is blank" in stdout.getvalue()


@pytest.mark.parametrize("bad", BAD_FILES, ids=lambda bad: bad.name)
def test_a_bad_file_is_refused_with_its_reason_and_changes_nothing(
    bad: BadFile, document: Document
) -> None:
    before = snapshot()

    dry, real = answer(FILES / bad.name, *PLACE, "--dry-run"), answer(FILES / bad.name, *PLACE)

    assert snapshot() == before
    job = ImportJob.objects.get()
    assert (job.status, str(job.pk)) == (ImportStatus.FAILED, real.report["job_id"])
    assert job.error_code == ("rows_refused" if bad.is_row else bad.code)
    assert says_all(real.error, bad.says), real.error
    assert real.report["errors"] == dry.report["errors"]
    assert tuple(error["line"] for error in real.report["errors"]) == bad.lines
    assert {error["column"] for error in real.report["errors"]} <= {bad.column}
    if bad.value:
        assert {error["value"] for error in real.report["errors"]} == {bad.value}


def test_at_most_a_hundred_bad_rows_are_listed(
    document: Document, write_file: Callable[..., Path]
) -> None:
    file = write_file("question,answer\n" + "Why?,\n" * 150)

    for arguments in ((), ("--dry-run",)):
        report = answer(file, *PLACE, *arguments).report
        assert (report["rows"], report["failed"]) == (150, 150)
        assert [error["line"] for error in report["errors"]] == list(range(2, 102))


def test_a_dry_run_says_what_would_be_and_changes_nothing(
    document: Document, dataset: Dataset, make_document: MakeDocument, qa_file: Path
) -> None:
    answer(qa_file, *PLACE)
    make_document(dataset, "copy")
    before, jobs = snapshot(), ImportJob.objects.count()

    report = answer(qa_file, *PLACE[:-1], "copy", "--dry-run").report

    assert snapshot() == before
    assert ImportJob.objects.count() == jobs
    assert (report["status"], report["job_id"]) == ("dry_run", None)
    assert (report["rows"], report["reused"], report["tokens"]) == (2, 2, 11)
    assert (report["created"], report["embedded"]) == (0, 0)


def test_columns_that_are_not_used_are_named_on_standard_error(
    document: Document, write_file: Callable[..., Path]
) -> None:
    file = write_file("question,answer,colour\nWhy?,So.,red\n")

    assert "“colour”" in answer(file, *PLACE).stderr


@pytest.mark.parametrize(
    ("content", "form"),
    [("question,answer\nWhy?,So.\n", DocForm.QA), ("content\nSome text.\n", DocForm.TEXT)],
)
def test_create_makes_what_is_missing_in_the_form_of_the_header(
    content: str, form: DocForm, transactional_db: None, write_file: Callable[..., Path]
) -> None:
    report = answer(write_file(content), *NEW_PLACE).report

    assert report["status"] == "completed"
    document = Document.objects.get(name="doc")
    assert document.doc_form == form
    assert document.dataset.indexing_technique == IndexingTechnique.HIGH_QUALITY
    assert document.dataset.embedding_model == "l2_supercat_256"
    assert (document.dataset.name, document.tenant.name) == ("kb", "new")
    assert document.segment_count == 1

    assert answer(write_file(content), *NEW_PLACE).report["status"] == "completed"
    assert Document.objects.count() == Dataset.objects.count() == Tenant.objects.count() == 1


def test_what_is_asked_for_counts_more_than_the_header(
    transactional_db: None, qa_file: Path
) -> None:
    options = ("--doc-form", "text_model", "--indexing-technique", "economy")

    assert answer(qa_file, *NEW_PLACE, *options).report["status"] == "completed"

    document = Document.objects.get()
    assert (document.doc_form, document.dataset.has_vectors) == (DocForm.TEXT, False)
    assert list(DocumentSegment.objects.values_list("answer", flat=True)) == [None, None]


def test_nothing_is_made_for_a_file_that_does_not_fit(
    transactional_db: None, write_file: Callable[..., Path]
) -> None:
    before = snapshot()

    for content in ("", "question,answer\n", "title\nx\n", "question,content,answer\nx,y,z\n"):
        assert answer(write_file(content), *NEW_PLACE, "--doc-form", "qa_model").error

    assert snapshot() == before
    assert not ImportJob.objects.exists()


def test_nothing_is_made_by_a_dry_run(transactional_db: None, qa_file: Path) -> None:
    before = snapshot()

    report = answer(qa_file, *NEW_PLACE, "--dry-run").report

    assert (report["status"], report["rows"]) == ("dry_run", 2)
    assert snapshot() == before


@pytest.mark.parametrize("option", ["--tenant", "--dataset", "--document"])
def test_nothing_is_made_of_a_name_that_is_none(
    option: str, transactional_db: None, qa_file: Path
) -> None:
    before = snapshot()

    for name in ("", "  ", "x" * 256, "half \udc80"):
        for dry_run in ((), ("--dry-run",)):
            error = answer(qa_file, *NEW_PLACE, option, name, *dry_run).error
            assert f"A {option[2:]} cannot be named" in error
            assert "1 to 255 characters" in error

    assert snapshot() == before


UNKNOWN = (
    ("--tenant", "acne", "no tenant “acne”. Did you mean “acme”?"),
    ("--tenant", "ACME", "Did you mean “acme”?"),
    ("--dataset", "hand book", "no dataset “hand book”. Did you mean “handbook”?"),
    ("--dataset", "archiv", "Did you mean “archive”?"),
    ("--document", "FAQ", "no document “FAQ”. Did you mean “faq”?"),
    (
        "--document",
        "zzz",
        "There is no document “zzz”. Known names: “faq”. Use --create to create it.",
    ),
    ("--document", "x" * 100_000, "There is no document"),
    ("--dataset", "a\0b", "There is no dataset"),
    ("--document", "half \udc80", "There is no document"),
    ("--document", "8a3c5d52-0000-4000-8000-000000000000", "There is no document “8a3c5d52"),
)


def test_unknown_names_get_did_you_mean(
    document: Document, economy: Dataset, qa_file: Path
) -> None:
    before = snapshot()

    for option, name, says in UNKNOWN:
        assert says in answer(qa_file, *PLACE, option, name).error

    assert snapshot() == before


def test_a_place_may_be_named_by_its_ids(document: Document, qa_file: Path) -> None:
    ids = ("--dataset", document.dataset_id, "--document", document.pk)

    assert answer(qa_file, *PLACE, *ids).report["created"] == 2


def test_names_of_other_tenants_are_unknown(document: Document, qa_file: Path) -> None:
    Tenant.objects.create(name="rival")

    for dataset in ("handbook", document.dataset_id):
        error = answer(qa_file, *PLACE, "--tenant", "rival", "--dataset", dataset).error
        assert error == f"There is no dataset “{dataset}”. Use --create to create it."


def test_of_several_documents_of_one_name_the_id_decides(
    document: Document, dataset: Dataset, make_document: MakeDocument, qa_file: Path
) -> None:
    other = make_document(dataset, "faq")

    error = answer(qa_file, *PLACE).error

    assert "2 documents are named “faq”. Use the id of one of them" in error
    assert str(document.pk) in error
    assert answer(qa_file, *PLACE, "--document", other.pk).report["created"] == 2

    for _ in range(10):
        make_document(dataset, "faq")
    assert "More than 10 documents are named “faq”" in answer(qa_file, *PLACE).error


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"enabled": False}, ("it is disabled", "Enable it first")),
        ({"archived": True}, ("it is archived", "out of the archive")),
        ({"indexing_status": "indexing"}, ("indexing status is “indexing”", "Wait until")),
    ],
)
def test_a_document_that_is_not_available_is_refused(
    change: dict[str, Any], says: tuple[str, ...], document: Document, qa_file: Path
) -> None:
    Document.objects.update(**change)
    before = snapshot()

    for dry_run in ((), ("--dry-run",)):
        error = answer(qa_file, *PLACE, *dry_run).error
        assert says_all(error, ("“faq” cannot be filled", *says))

    assert snapshot() == before
    assert not ImportJob.objects.exists()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--doc-form", "text_model"), "“faq” is qa_model, not text_model. Leave --doc-form out"),
        (("--indexing-technique", "economy"), "“handbook” is high_quality, not economy. Leave"),
    ],
)
def test_options_that_contradict_what_is_there_are_refused(
    options: tuple[str, ...], says: str, document: Document, qa_file: Path
) -> None:
    before = snapshot()

    for create in ((), ("--create",)):
        assert says in answer(qa_file, *PLACE, *options, *create).error

    assert snapshot() == before


@pytest.mark.parametrize(
    ("provider", "model", "says"),
    [
        ("wordlama", "l2_supercat_256", "no embedding provider “wordlama”. Did you mean"),
        ("wordllama", "l3", "wordllama has no model “l3”. Use one of: l2_supercat_256"),
    ],
)
def test_a_model_that_is_not_to_be_had_is_refused(
    provider: str, model: str, says: str, document: Document, qa_file: Path, settings: Settings
) -> None:
    Dataset.objects.update(embedding_model_provider=provider, embedding_model=model)
    settings.SEGMILL_EMBEDDING_PROVIDER = provider
    settings.SEGMILL_EMBEDDING_MODEL = model
    before = snapshot()

    assert says in answer(qa_file, *PLACE).error
    assert says in answer(qa_file, *NEW_PLACE).error

    assert snapshot() == before


def test_a_language_the_server_does_not_know_is_refused(document: Document, qa_file: Path) -> None:
    Dataset.objects.update(text_search_config="englisch")

    assert "Did you mean “english”" in answer(qa_file, *PLACE).error

    assert not ImportJob.objects.exists()


NO_FILES = (
    ("missing.csv", "missing.csv does not exist"),
    ("faq.csv/rows.csv", "cannot be read: Not a directory"),
    ("x" * 300, "cannot be read: File name too long"),
)


def test_a_path_that_is_no_file_is_refused(document: Document, qa_file: Path) -> None:
    before = snapshot()

    for path, says in NO_FILES:
        for options in ((), ("--create",), ("--dry-run",)):
            assert says in answer(qa_file.parent / path, *PLACE, *options).error

    assert snapshot() == before
    assert not ImportJob.objects.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc/self/mem, which no one can read")
def test_a_file_that_breaks_off_is_refused(document: Document) -> None:
    before = snapshot()

    for options in ((), ("--dry-run",), ("--create",)):
        assert "Input/output error" in answer("/proc/self/mem", *PLACE, *options).error

    assert snapshot() == before


def test_a_name_that_is_not_utf8_is_shown_as_far_as_it_can_be(
    document: Document, qa_file: Path
) -> None:
    odd = qa_file.rename(qa_file.with_name("caf\udce9.csv"))

    assert answer(odd, *PLACE).report["created"] == 2

    assert ImportJob.objects.get().file_name == "caf?.csv"


def test_a_new_dataset_gets_the_model_that_is_named(
    tenant: Tenant, server: EmbeddingsServer, settings: Settings, qa_file: Path
) -> None:
    settings.SEGMILL_OPENAI_BASE_URL = server.url
    model = ("--embedding-provider", "openai", "--embedding-model", "m")
    call_command("import_segments", qa_file, *NEW_PLACE, *model, stdout=StringIO())
    assert DocumentSegment.objects.filter(embedding__isnull=False).count() == 2
    assert Dataset.objects.get(name="kb").model == ("openai", "m")

    again = answer(qa_file, *NEW_PLACE, "--embedding-model", "l2_supercat_256")
    assert "has the embedding model m of openai" in again.error
    assert "manage.py reembed" in again.error


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--embedding-provider", "openai"), "--embedding-provider needs --embedding-model"),
        (("--embedding-provider", "nobody", "--embedding-model", "m"), "provider “nobody”"),
        (("--embedding-model", "gpt"), "wordllama has no model “gpt”"),
    ],
)
def test_a_model_that_is_not_there_makes_nothing(
    options: tuple[str, ...], says: str, tenant: Tenant, qa_file: Path
) -> None:
    assert says in answer(qa_file, *NEW_PLACE, *options).error
    assert not Dataset.objects.filter(name="kb").exists()
