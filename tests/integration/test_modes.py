"""What an import does with segments that are there: append, skip, upsert, sync, replace."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from io import BytesIO
from typing import Any
from uuid import UUID, uuid4

import pytest
from pytest_django import Settings

from datasets.models import Dataset, Document
from segments.files.options import ImportMode, ImportOptions
from segments.imports.dry_run import DryRun
from segments.imports.plan import Plan
from segments.models import DocumentSegment, ImportJob, StagedMatch
from segments.models.import_job import ImportStatus
from segments.services import imports

from .conftest import ImportText, MakeDocument

pytestmark = pytest.mark.django_db(transaction=True)

START = (
    "external_id,question,answer,keywords,metadata.page,enabled\n"
    'a,Where is A?,In Ulm.,"x, y",1,true\n'
    "b,Where is B?,In Bonn.,,2,false\n"
    "c,Where is C?,In Jena.,z,,true\n"
)


@dataclass(frozen=True)
class Row:
    """What a test looks at in a segment."""

    position: int
    external_id: str | None
    content: str
    answer: str | None
    keywords: tuple[str, ...]
    metadata: dict[str, Any]
    enabled: bool


def rows(document: Document) -> list[Row]:
    """The segments of a document in their order."""
    return [
        Row(
            segment.position,
            segment.external_id,
            segment.content,
            segment.answer,
            tuple(segment.keywords or ()),
            segment.metadata,
            segment.enabled,
        )
        for segment in DocumentSegment.objects.filter(document=document).order_by("position")
    ]


def ids(document: Document) -> dict[str, UUID]:
    """Content → id."""
    segments = DocumentSegment.objects.filter(document=document)
    return dict(segments.values_list("content", "pk"))


def counts(job: ImportJob) -> tuple[int, int, int, int]:
    """Created, updated, skipped, deleted; a failure shows its reason."""
    assert job.status == ImportStatus.COMPLETED, job.error
    return job.rows_created, job.rows_updated, job.rows_skipped, job.rows_deleted


def agrees(document: Document) -> None:
    """Totals, positions, hashes, vectors and full text belong together."""
    document.refresh_from_db()
    segments = list(DocumentSegment.objects.filter(document=document))
    assert document.segment_count == len(segments)
    assert document.word_count == sum(segment.word_count for segment in segments)
    assert document.tokens == sum(segment.tokens for segment in segments)
    for segment in segments:
        assert segment.word_count == len(segment.content) + len(segment.answer or "")
        same = DocumentSegment.objects.filter(index_node_hash=segment.index_node_hash)
        assert {found.content for found in same} == {segment.content}
        assert segment.embedding is not None
        assert {tuple(found.embedding) for found in same if found.embedding is not None} == {
            tuple(segment.embedding)
        }


@pytest.fixture
def filled(document: Document, import_text: ImportText) -> Document:
    """A document of three segments, the first of which was found seven times."""
    counts(import_text(document, START))
    DocumentSegment.objects.filter(document=document, external_id="a").update(hit_count=7)
    return document


def test_append_adds_every_row_and_knows_no_ids(filled: Document, import_text: ImportText) -> None:
    job = import_text(filled, START, mode="append")
    assert job.status == ImportStatus.FAILED
    assert "Segment 1 of the document has this external id already" in job.error

    again = START.replace("external_id,", "").replace("\na,", "\n").replace("\nb,", "\n")
    assert counts(import_text(filled, again.replace("\nc,", "\n"), mode="append")) == (3, 0, 0, 0)
    assert [row.position for row in rows(filled)] == [1, 2, 3, 4, 5, 6]
    agrees(filled)


def test_skip_leaves_what_is_there_and_embeds_nothing_for_it(
    filled: Document, import_text: ImportText
) -> None:
    before = rows(filled)
    more = (
        START.replace("In Ulm.", "In Rome.").replace("Where is B?", "Where was B?")
        + "d,D?,Yes.,,,\n"
    )

    job = import_text(filled, more, mode="skip")

    assert counts(job) == (1, 0, 3, 0)
    assert job.rows_embedded == 1
    assert rows(filled)[:3] == before
    assert rows(filled)[3] == Row(4, "d", "D?", "Yes.", (), {}, True)
    agrees(filled)


def test_upsert_changes_what_differs_and_keeps_ids_positions_and_hits(
    filled: Document, import_text: ImportText
) -> None:
    known = ids(filled)
    more = (
        "external_id,question,answer\n"
        "c,Where was C?,In Jena.\n"
        "d,Where is D?,In Rome.\n"
        "a,Where is A?,In Neu-Ulm.\n"
    )

    job = import_text(filled, more, mode="upsert")

    assert counts(job) == (1, 2, 0, 0)
    assert job.rows_embedded == 2  # the changed text and the new one; a new answer is no new text
    assert rows(filled) == [
        Row(1, "a", "Where is A?", "In Neu-Ulm.", ("x", "y"), {"page": "1"}, True),
        Row(2, "b", "Where is B?", "In Bonn.", (), {"page": "2"}, False),
        Row(3, "c", "Where was C?", "In Jena.", ("z",), {}, True),
        Row(4, "d", "Where is D?", "In Rome.", (), {}, True),
    ]
    assert ids(filled)["Where was C?"] == known["Where is C?"]
    first = DocumentSegment.objects.get(document=filled, external_id="a")
    assert (first.pk, first.hit_count) == (known["Where is A?"], 7)
    assert first.updated_at > first.created_at
    assert "neu" in str(first.search_vector)
    agrees(filled)


def test_what_an_upsert_leaves_alone_was_not_updated(
    filled: Document, import_text: ImportText
) -> None:
    before = dict(DocumentSegment.objects.values_list("pk", "updated_at"))
    assert counts(import_text(filled, START, mode="upsert")) == (0, 0, 3, 0)
    assert dict(DocumentSegment.objects.values_list("pk", "updated_at")) == before


def test_an_empty_cell_of_a_column_that_is_there_empties_the_part(
    filled: Document, import_text: ImportText
) -> None:
    more = (
        "external_id,question,answer,keywords,metadata.page,enabled\na,Where is A?,In Ulm.,,,no\n"
    )
    import_text(filled, more, mode="upsert")

    segment = DocumentSegment.objects.get(document=filled, external_id="a")
    assert (segment.keywords, segment.metadata, segment.enabled) == (None, {}, False)
    assert segment.disabled_at is not None


def test_metadata_columns_change_their_keys_and_a_metadata_column_all(
    filled: Document, import_text: ImportText
) -> None:
    def metadata() -> dict[str, Any]:
        found: dict[str, Any] = DocumentSegment.objects.get(external_id="a").metadata
        return found

    head = "external_id,question,answer,"
    import_text(filled, f"{head}metadata.year\na,Where is A?,In Ulm.,1999\n", mode="upsert")
    assert metadata() == {"page": "1", "year": "1999"}
    row = 'a,Where is A?,In Ulm.,"{""deep"": [1, 2.5, null]}"\n'
    import_text(filled, f"{head}metadata\n{row}", mode="upsert")
    assert metadata() == {"deep": [1, 2.5, None]}


def test_without_ids_texts_are_known_by_their_content(
    document: Document, import_text: ImportText
) -> None:
    import_text(document, "question,answer\nA?,1\nB?,2\nA?,3\n")
    known = {row.answer: row.position for row in rows(document)}

    job = import_text(document, "question,answer\nA?,3\nB?,two\nA?,1\nC?,4\n", mode="upsert")

    assert counts(job) == (1, 1, 2, 0)
    assert known == {"1": 1, "2": 2, "3": 3}
    assert [row.answer for row in rows(document)] == ["1", "two", "3", "4"]


def test_a_row_with_an_id_takes_over_the_segment_of_its_text(
    document: Document, import_text: ImportText
) -> None:
    import_text(document, "question,answer\nA?,1\nB?,2\n")
    job = import_text(document, "external_id,question,answer\nx,A?,1\ny,C?,3\n", mode="upsert")

    assert counts(job) == (1, 1, 0, 0)
    assert [(row.external_id, row.content) for row in rows(document)] == [
        ("x", "A?"),
        (None, "B?"),
        ("y", "C?"),
    ]


def test_sync_also_removes_what_the_file_does_not_have(
    filled: Document, import_text: ImportText
) -> None:
    known = ids(filled)
    job = import_text(
        filled, "external_id,question,answer\nd,D?,4\nc,Where is C?,In Gera.\n", mode="sync"
    )

    assert counts(job) == (1, 1, 0, 2)
    assert [(row.position, row.external_id, row.answer) for row in rows(filled)] == [
        (3, "c", "In Gera."),
        (4, "d", "4"),
    ]
    assert ids(filled)["Where is C?"] == known["Where is C?"]
    agrees(filled)


def test_replace_makes_the_document_the_file(filled: Document, import_text: ImportText) -> None:
    known = ids(filled)
    job = import_text(
        filled,
        "external_id,question,answer\nd,D?,4\nc,Where is C?,In Jena.\na,Where is A?,In Ulm.\n",
        mode="replace",
    )

    assert counts(job) == (1, 2, 0, 1)  # two have lost keywords or metadata that the file lacks
    assert job.rows_embedded == 1
    assert rows(filled) == [
        Row(1, "d", "D?", "4", (), {}, True),
        Row(2, "c", "Where is C?", "In Jena.", (), {}, True),
        Row(3, "a", "Where is A?", "In Ulm.", (), {}, True),
    ]
    assert ids(filled)["Where is A?"] == known["Where is A?"]
    assert DocumentSegment.objects.get(external_id="a").hit_count == 7
    agrees(filled)


@pytest.mark.parametrize("mode", ["skip", "upsert", "sync", "replace"])
def test_any_mode_fills_an_empty_document_in_the_order_of_the_file(
    document: Document, import_text: ImportText, mode: str
) -> None:
    assert counts(import_text(document, START, mode=mode)) == (3, 0, 0, 0)
    assert [(row.position, row.external_id) for row in rows(document)] == [
        (1, "a"),
        (2, "b"),
        (3, "c"),
    ]
    assert not StagedMatch.objects.exists()
    agrees(document)


@pytest.mark.parametrize("mode", ImportMode.values)
def test_a_bad_row_changes_nothing_in_any_mode(
    filled: Document, import_text: ImportText, mode: str
) -> None:
    before = rows(filled)
    job = import_text(filled, "external_id,question,answer\nd,D?,4\nc,,\n", mode=mode)
    assert job.status == ImportStatus.FAILED
    assert rows(filled) == before


def test_with_skip_on_error_the_good_rows_come_in_and_bad_ids_stay_out(
    filled: Document, import_text: ImportText
) -> None:
    text = "external_id,question,answer\nd,D?,4\nd,E?,5\na,F?,6\ng,,7\nh,H?,8\n"
    job = import_text(filled, text, mode="append", on_error="skip")

    assert counts(job) == (2, 0, 0, 0)
    assert (job.rows_total, job.rows_failed) == (5, 3)
    assert [row.external_id for row in rows(filled)][3:] == ["d", "h"]
    agrees(filled)


def test_sync_skips_bad_rows_but_does_not_take_them_for_gone(
    filled: Document, import_text: ImportText
) -> None:
    """A row that cannot be read may well be about a segment: nothing is removed on a guess."""
    text = "external_id,question,answer\na,Where is A?,In Ulm.\nb,,\n"
    job = import_text(filled, text, mode="sync", on_error="skip")
    assert job.status == ImportStatus.FAILED
    assert "sync" in job.error
    assert len(rows(filled)) == 3


def test_large_imports_match_in_moments(
    dataset: Dataset, make_document: MakeDocument, import_text: ImportText
) -> None:
    document = make_document(dataset, "large")
    text = "question,answer\n" + "".join(f"q {n % 4_000},{n}\n" for n in range(6_000))
    counts(import_text(document, text))
    job = import_text(document, text, mode="sync")
    assert counts(job) == (0, 0, 6_000, 0)
    assert job.seconds.total < 60


def examined(document: Document, text: str, **options: object) -> DryRun:
    """A dry run."""
    content = text.encode()
    return imports.dry_run_import(
        document,
        BytesIO(content),
        "rows.csv",
        len(content),
        options=ImportOptions.from_fields(options),
    )


def numbers(plan: Plan) -> tuple[int, int, int, int]:
    """Created, updated, unchanged, removed."""
    return plan.created, plan.updated, plan.unchanged, plan.removed


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("skip", (1, 0, 2, 0)),
        ("upsert", (1, 1, 1, 0)),
        ("sync", (1, 1, 1, 1)),
        ("replace", (1, 2, 0, 1)),
    ],
)
def test_the_plan_says_what_the_import_then_does(
    filled: Document, import_text: ImportText, mode: str, expected: tuple[int, int, int, int]
) -> None:
    text = "external_id,question,answer\na,Where is A?,In Ulm.\nb,Where was B?,In Bonn.\nd,D?,4\n"
    before = rows(filled)

    found = examined(filled, text, mode=mode)

    assert numbers(found.plan) == expected
    assert rows(filled) == before
    assert not StagedMatch.objects.exists()
    job = import_text(filled, text, mode=mode)
    assert counts(job) == expected
    assert job.rows_embedded == found.plan.rows_to_embed


def test_the_plan_shows_the_first_changes(filled: Document) -> None:
    text = "external_id,question,answer,keywords\na,Where is A?,In Rome.,x;y\nd,D?,4,\n"
    update, create, remove, _ = examined(filled, text, mode="sync").plan.changes

    assert [update.kind, create.kind, remove.kind] == ["update", "create", "remove"]
    assert (update.line, update.position) == (2, 1)
    assert (update.before, update.after) == ({"answer": "In Ulm."}, {"answer": "In Rome."})
    assert (create.line, create.before) == (3, None)
    assert create.after is not None
    assert create.after["content"] == "D?"
    assert remove.before is not None
    assert remove.before["metadata"] == {"page": "2"}


def test_the_plan_counts_tokens_and_money(filled: Document, settings: Settings) -> None:
    text = "external_id,question,answer\na,Where is A?,In Rome.\nd,Is this a new question?,4\n"
    assert examined(filled, text, mode="upsert").plan.cost is None

    settings.SEGMILL_EMBEDDING_PRICE = Decimal("0.5")
    plan = examined(filled, text, mode="upsert").plan
    assert (plan.rows_to_embed, plan.tokens_to_embed) == (1, 6)
    assert plan.cost == Decimal("0.000003")


def test_a_plan_for_a_document_that_is_not_there_yet(dataset: Dataset) -> None:
    document = Document(pk=uuid4(), tenant=dataset.tenant, dataset=dataset, name="new")
    assert numbers(examined(document, "content\nx\n", mode="sync").plan) == (1, 0, 0, 0)


@pytest.mark.parametrize(
    ("options", "price", "says"),
    [
        ({"max_tokens": 11}, "0", "12 tokens"),
        ({"max_cost": "0.000011"}, "1", "would cost 0.000012"),
        ({"max_cost": "1"}, "0", "SEGMILL_EMBEDDING_PRICE"),
    ],
)
def test_a_budget_stops_an_import_before_it_embeds(
    document: Document,
    import_text: ImportText,
    settings: Settings,
    options: dict[str, Any],
    price: str,
    says: str,
) -> None:
    settings.SEGMILL_EMBEDDING_PRICE = Decimal(price)
    text = "question,answer\nIs this a new question?,x\nIs that a new question?,y\n"

    job = import_text(document, text, **options)

    assert job.status == ImportStatus.FAILED
    assert says in job.error
    assert job.rows_embedded == 0
    assert not rows(document)


def test_a_budget_that_suffices_stops_nothing(document: Document, import_text: ImportText) -> None:
    assert counts(import_text(document, START, max_tokens=100)) == (3, 0, 0, 0)


def test_a_segment_that_changed_meanwhile_is_not_left_without_a_vector(
    filled: Document, import_text: ImportText
) -> None:
    def interfere(progress: Any) -> None:
        if progress.phase == "publishing":
            DocumentSegment.objects.filter(document=filled, external_id="a").delete()

    job = import_text(filled, START, listener=interfere, mode="upsert")

    assert job.status == ImportStatus.FAILED
    assert "while it ran" in job.error
    assert len(rows(filled)) == 2


def test_repeated_rows_are_told_by_line(
    document: Document, import_text: ImportText, contents: Callable[[Document], list[str]]
) -> None:
    text = "question,answer\nA?,1\nB?,2\nA?,1\nA?,other\n"
    assert examined(document, text).repeated == [(4, 2)]
    job = import_text(document, text)
    assert "1 row repeats an earlier row: line 4 (as 2)." in job.notices
    assert contents(document) == ["A?", "B?", "A?", "A?"]


def test_columns_are_remembered_for_the_next_file_of_the_same_header(
    document: Document, import_text: ImportText
) -> None:
    text = "Alpha;Beta\nA?;1\n"
    assert import_text(document, text).error_code == "header_refused"
    first = import_text(document, text, map={"content": "Alpha", "answer": "Beta"})
    assert counts(first) == (1, 0, 0, 0)

    assert examined(document, text).columns.mapping == {"content": "Alpha", "answer": "Beta"}
    second = import_text(document, text.replace("A?", "B?"))
    assert counts(second) == (1, 0, 0, 0)
    assert any("as last time: content = “Alpha”" in notice for notice in second.notices)
    assert import_text(document, "Alpha;Beta;X\nA?;1;\n").error_code == "header_refused"


def test_unknown_columns_are_kept_as_metadata_when_asked(
    passages: Document, import_text: ImportText
) -> None:
    counts(import_text(passages, "content,page,error\nA,7,was bad\n", unknown="metadata"))
    assert [row.metadata for row in rows(passages)] == [{"page": "7"}]
    job = import_text(passages, "content,page\nB,8\n")
    assert "Other columns are kept as metadata, as last time (option unknown)." in job.notices
    assert [row.metadata for row in rows(passages)] == [{"page": "7"}, {"page": "8"}]
