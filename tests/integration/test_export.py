"""A document goes out and comes in again: nothing is lost, nothing is embedded, nothing changes."""

from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datasets.models import Dataset, Document
from segments.files.types import FileFormat
from segments.imports.parents import content_hash
from segments.models import DocumentSegment
from segments.models.import_job import ImportStatus
from segments.services.exports import COLUMNS, FORMATS, export_document

from .conftest import ImportText, MakeDocument

pytestmark = pytest.mark.django_db(transaction=True)

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
HARD = st.sampled_from(["=1+1", "'=1", "-", "@x", "a\r\nb", "\ta", '"', "_x000D_", "<r>x</r>", "é"])
FILLED = (TEXT | HARD).filter(lambda text: bool(text) and not text.isspace())
METADATA = st.dictionaries(
    TEXT,
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.floats(-1e9, 1e9) | TEXT,
    max_size=3,
)
SEGMENTS = st.lists(
    st.fixed_dictionaries(
        {
            "content": FILLED,
            "answer": FILLED,
            "keywords": st.none() | st.lists(FILLED, max_size=3),
            "external_id": st.none() | st.uuids().map(str) | HARD.map(str.strip),
            "metadata": METADATA,
            "enabled": st.booleans(),
            "hit_count": st.integers(0, 99),
        }
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda segment: str(segment["external_id"] or id(segment)),
)
KEPT = (
    *("id", "position", "content", "answer", "keywords", "external_id", "metadata", "enabled"),
    *("word_count", "tokens", "hit_count", "index_node_hash", "created_at", "updated_at"),
)


def state(document: Document) -> list[tuple[Any, ...]]:
    """All that a segment is."""
    segments = DocumentSegment.objects.filter(document=document).order_by("position")
    return list(segments.values_list(*KEPT))


def exported(document: Document, kind: FileFormat) -> bytes:
    """The file of a document."""
    return b"".join(export_document(document, kind))


def export_to(output: Path) -> None:
    """Run the command."""
    place = {"tenant": "acme", "dataset": "handbook", "document": "faq"}
    call_command("export_segments", **place, output=output)


def fill(document: Document, segments: list[dict[str, Any]], import_text: ImportText) -> None:
    """Give the document these segments."""
    DocumentSegment.objects.filter(document=document).delete()
    text = "question,answer\n" + "x,y\n" * len(segments)
    assert import_text(document, text, mode="replace").status == ImportStatus.COMPLETED
    keys = list(DocumentSegment.objects.filter(document=document).order_by("position"))
    for key, segment in zip(keys, segments, strict=True):
        content = segment["content"]
        DocumentSegment.objects.filter(pk=key.pk).update(
            **segment,
            index_node_hash=content_hash(content),
            word_count=len(content) + len(segment["answer"]),
        )


@pytest.mark.parametrize("kind", FORMATS)
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(segments=SEGMENTS)
def test_a_round_trip_changes_nothing(
    document: Document, import_text: ImportText, kind: FileFormat, segments: list[dict[str, Any]]
) -> None:
    fill(document, segments, import_text)
    before = state(document)
    file = exported(document, kind)

    for mode in ("sync", "upsert", "skip", "replace"):
        job = import_text(document, file, f"faq.{kind}", mode=mode)
        assert job.status == ImportStatus.COMPLETED, job.error
        assert (job.rows_created, job.rows_updated, job.rows_deleted) == (0, 0, 0)
        assert job.rows_embedded == 0
        assert state(document) == before


@pytest.mark.parametrize("kind", FORMATS)
@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
@given(segments=SEGMENTS)
def test_another_document_becomes_the_same(
    document: Document,
    dataset: Dataset,
    make_document: MakeDocument,
    import_text: ImportText,
    kind: FileFormat,
    segments: list[dict[str, Any]],
) -> None:
    fill(document, segments, import_text)
    copy = Document.objects.filter(name="copy").first() or make_document(dataset, "copy")
    import_text(copy, "question,answer\nold,older\n", mode="replace")

    job = import_text(copy, exported(document, kind), f"faq.{kind}", mode="replace")

    assert job.status == ImportStatus.COMPLETED, job.error
    shown = [
        KEPT.index(name)
        for name in (
            "content",
            "answer",
            "keywords",
            "external_id",
            "metadata",
            "enabled",
            "position",
        )
    ]
    assert [[row[place] for place in shown] for row in state(copy)] == [
        [row[place] for place in shown] for row in state(document)
    ]


def test_an_edited_export_updates_the_segments_it_came_from(
    document: Document, import_text: ImportText
) -> None:
    import_text(document, "question,answer\nA?,1\nB?,2\n")
    ids = [row[0] for row in state(document)]
    file = exported(document, FileFormat.CSV).decode().replace("B?", "C?")

    job = import_text(document, file, "faq.csv", mode="sync")

    assert (job.rows_created, job.rows_updated, job.rows_deleted) == (0, 1, 0)
    assert [row[0] for row in state(document)] == ids
    assert job.rows_embedded == 1
    assert any("Ignored" in notice and "tokens" in notice for notice in job.notices)


def test_passages_have_no_answers(passages: Document, import_text: ImportText) -> None:
    import_text(passages, "content\nA.\n")
    header = exported(passages, FileFormat.CSV).decode("utf-8-sig").splitlines()[0]
    names = [name.strip('"') for name in header.split(",")]
    assert names == [*(name for name in COLUMNS if name != "answer"), "escaped"]


def test_an_empty_document_is_a_header(document: Document) -> None:
    assert exported(document, FileFormat.CSV).decode("utf-8-sig").startswith('"segment_id"')
    assert exported(document, FileFormat.JSONL) == b""


@pytest.mark.parametrize("name", ["out.csv", "out.xlsx", "out.jsonl"])
def test_the_command_writes_the_file_its_name_promises(
    document: Document,
    import_text: ImportText,
    tmp_path: Path,
    name: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    import_text(document, "question,answer\nA?,1\n")
    output = tmp_path / name
    call_command(
        "export_segments", tenant="acme", dataset="handbook", document="faq", output=output
    )

    job = import_text(document, output.read_bytes(), name, mode="sync")
    assert (job.rows_total, job.rows_skipped) == (1, 1)
    assert capsys.readouterr().out.startswith("1 segment,")


@pytest.mark.parametrize(
    ("output", "says"),
    [("out.pdf", "Use --format: csv, xlsx, jsonl"), ("missing/out.csv", "cannot be written")],
)
def test_the_command_says_why_it_cannot_write(
    document: Document, tmp_path: Path, output: str, says: str
) -> None:
    with pytest.raises(CommandError, match=says):
        export_to(tmp_path / output)
    assert list(tmp_path.iterdir()) == []


def test_an_export_that_fails_leaves_the_old_file(
    document: Document, import_text: ImportText, tmp_path: Path
) -> None:
    import_text(document, "question,answer\n" + "word " * 7_000 + ",1\n")
    output = tmp_path / "out.xlsx"
    output.write_bytes(b"old")
    with pytest.raises(CommandError, match="an XLSX cell holds at most"):
        call_command(
            "export_segments", tenant="acme", dataset="handbook", document="faq", output=output
        )
    assert output.read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1
