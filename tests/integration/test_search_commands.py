"""`search_segments` and `evaluate_search`, as people and machines call them."""

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from datasets.models import Dataset, Document

from .conftest import ImportText, MakeDocument

pytestmark = pytest.mark.django_db(transaction=True)
WriteFile = Callable[..., Path]

FAQ = """question,answer,external_id,metadata.topic
How do I reset the thermostat?,Hold the round button for ten seconds.,faq-1,heating
Why does the lamp flicker?,[bold]Its bulb :fire: is loose,faq-2,light
"""
FIELDS = {
    "segment_id", "document", "document_id", "position", "external_id", "content", "answer",
    "score", "metadata",
}  # fmt: skip


@pytest.fixture
def faq(document: Document, import_text: ImportText) -> Dataset:
    """A dataset with two questions and their answers."""
    import_text(document, FAQ)
    return document.dataset


def run(command: str, *arguments: Any, **options: Any) -> str:
    out = StringIO()
    call_command(command, *arguments, tenant="acme", stdout=out, **options)
    return out.getvalue()


def test_json_is_one_object_with_the_hits(faq: Dataset) -> None:
    answer = json.loads(run("search_segments", "reset it", dataset="handbook", json=True))

    assert answer["query"] == "reset it"
    assert set(answer["hits"][0]) == FIELDS
    assert answer["hits"][0]["external_id"] == "faq-1"
    assert answer["hits"][0]["metadata"] == {"topic": "heating"}


def test_options_reach_the_search(faq: Dataset) -> None:
    def hits(**options: Any) -> list[dict[str, Any]]:
        out = run("search_segments", "bulb flicker", dataset="handbook", json=True, **options)
        found: list[dict[str, Any]] = json.loads(out)["hits"]
        return found

    assert len(hits(method="semantic")) == 2
    assert len(hits(method="semantic", top_k=1)) == 1
    assert len(hits(method="full_text")) == 1
    assert hits(method="full_text", score_threshold=100.0) == []


def test_people_see_texts_as_they_stand(faq: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    run("search_segments", "lamp", dataset="handbook", method="full_text")

    shown = capsys.readouterr().out
    assert "Why does the lamp flicker?" in shown
    assert "[bold]Its bulb :fire: is loose" in shown


def test_people_are_told_that_nothing_was_found(
    faq: Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    run("search_segments", "xyzzy", dataset="handbook", method="full_text")

    assert "Nothing found" in capsys.readouterr().out


def test_a_file_of_queries_gives_a_line_for_each(faq: Dataset, write_file: WriteFile) -> None:
    path = write_file("\ufefflamp\n\nthermostat 'quoted\n", "queries.txt")

    out = run("search_segments", "--queries", str(path), dataset="handbook", method="full_text")

    answers = [json.loads(line) for line in out.splitlines()]
    assert [answer["query"] for answer in answers] == ["lamp", "", "thermostat 'quoted"]
    found = [[hit["external_id"] for hit in answer["hits"]] for answer in answers]
    assert found == [["faq-2"], [], ["faq-1"]]


def test_characters_that_no_text_can_hold_are_left_out_of_the_answer(faq: Dataset) -> None:
    out = run("search_segments", "la\udcffmp", dataset="handbook", json=True)

    assert json.loads(out.encode())["query"] == "lamp"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"dataset": "handbok"}, "Did you mean “handbook”"),
        ({"dataset": "handbook", "tenant": "acne"}, "Did you mean “acme”"),
        ({"dataset": "handbook", "top_k": 0}, "top_k is 0"),
        ({"dataset": "handbook", "method": "fuzzy"}, "no search method “fuzzy”"),
    ],
)
def test_refusals_say_what_to_do(faq: Dataset, options: dict[str, Any], told: str) -> None:
    with pytest.raises(CommandError, match=told):
        call_command("search_segments", "lamp", **({"tenant": "acme"} | options))


def test_a_missing_file_of_queries_is_refused(faq: Dataset) -> None:
    with pytest.raises(CommandError, match=r"nowhere\.txt cannot be read"):
        run("search_segments", "--queries", "nowhere.txt", dataset="handbook")


def test_queries_that_are_not_utf8_are_refused(faq: Dataset, write_file: WriteFile) -> None:
    path = write_file(b"lamp\nG\xf6tter\n", "queries.txt")

    with pytest.raises(CommandError, match="not UTF-8"):
        run("search_segments", "--queries", str(path), dataset="handbook")


def test_an_unknown_method_is_told_the_known_ones(faq: Dataset) -> None:
    with pytest.raises(CommandError, match=r"choose from '?semantic'?, '?full_text'?, '?hybrid"):
        run("search_segments", "lamp", "--method=fuzzy", dataset="handbook")


def test_a_query_or_a_file_is_needed(faq: Dataset) -> None:
    with pytest.raises(CommandError, match="required"):
        run("search_segments", "--dataset", "handbook")


@pytest.fixture
def judged(write_file: WriteFile) -> Path:
    """Two questions; what is relevant to the second is not in the dataset."""
    queries = {"1": "lamp flicker", "2": "thermostat"}
    relevant = {"1": {"faq-2": 1}, "2": {"faq-9": 1}}
    return write_file(json.dumps({"queries": queries, "relevant": relevant}), "queries.json")


def test_evaluation_measures_every_method(
    faq: Dataset, judged: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = json.loads(run("evaluate_search", str(judged), dataset="handbook", json=True))

    assert (answer["dataset"], answer["queries"]) == ("handbook", 2)
    assert set(answer["methods"]) == {"semantic", "full_text", "hybrid"}
    for quality in answer["methods"].values():
        assert quality["median_ms"] > 0
        assert quality["ndcg_at_10"] == quality["recall_at_10"] == quality["mrr_at_10"] == 0.5
    told = capsys.readouterr().err
    assert "1 relevant external ids are not in the dataset" in told
    assert "faq-9" in told


def test_evaluation_of_one_method_as_a_table(
    faq: Dataset, judged: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("evaluate_search", str(judged), dataset="handbook", method="full_text")

    shown = capsys.readouterr().out
    assert "nDCG@10" in shown
    assert "full_text" in shown
    assert "semantic" not in shown


def test_evaluation_of_an_economy_dataset_leaves_out_what_it_cannot_do(
    economy: Dataset, judged: Path, make_document: MakeDocument, import_text: ImportText
) -> None:
    import_text(make_document(economy), FAQ)

    answer = json.loads(run("evaluate_search", str(judged), dataset="archive", json=True))

    assert list(answer["methods"]) == ["full_text"]
    with pytest.raises(CommandError, match="economy"):
        run("evaluate_search", str(judged), dataset="archive", method="semantic")


def test_evaluation_refuses_a_file_of_another_form(faq: Dataset, write_file: WriteFile) -> None:
    with pytest.raises(CommandError, match="no object “queries”"):
        run("evaluate_search", str(write_file("[]", "queries.json")), dataset="handbook")


def test_an_external_id_of_several_documents_counts_once(
    faq: Dataset, judged: Path, make_document: MakeDocument, import_text: ImportText
) -> None:
    import_text(make_document(faq, "copy"), FAQ)

    answer = json.loads(run("evaluate_search", str(judged), dataset="handbook", json=True))

    assert answer["methods"]["full_text"]["ndcg_at_10"] == 0.5


@pytest.fixture
def shop(passages: Document, import_text: ImportText) -> Dataset:
    """A dataset with three pumps."""
    rows = (
        "content,external_id,keywords,enabled,metadata.price,metadata.category\n"
        "red pump,a,old,yes,10,Teile\nblue pump,b,,yes,20,Teile und mehr\npump,c,,no,5,Teile\n"
    )
    assert import_text(passages, rows).status == "completed"
    return passages.dataset


def found_in_shop(*options: str) -> list[str]:
    out = run("search_segments", "pump", "--dataset", "handbook", "--json", *options)
    return sorted(hit["external_id"] for hit in json.loads(out)["hits"])


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--filter", "price >= 10"], "a b"),
        (["--filter", "price >= 10", "--filter", "category is Teile"], "a"),
        (["--filter", "price > 15", "--filter", "category is Teile", "--any-filter"], "a b"),
        (["--document", "manual"], "a b"),
        (["--external-id", "a", "--external-id", "x"], "a"),
        (["--keyword", "old"], "a"),
        (["--disabled"], "c"),
        (["--filter", "category contains mehr", "--method", "full_text"], "b"),
        (["--filter", "category contains mehr", "--exact"], "b"),
    ],
)
def test_filters_reach_the_search(shop: Dataset, options: list[str], expected: str) -> None:
    assert found_in_shop(*options) == expected.split()


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--filter", "price like 10"], "is not a condition"),
        (["--filter", "price > cheap"], "is neither"),
        (["--filter", "price is 1"] * 1000, "at most 100 are allowed"),
        (["--document", "manuel"], "manual"),
    ],
)
def test_filters_that_cannot_be_understood_are_refused(
    shop: Dataset, options: list[str], complaint: str
) -> None:
    with pytest.raises(CommandError, match=complaint):
        found_in_shop(*options)


def test_a_misspelt_name_is_told_where_nothing_is_found(shop: Dataset) -> None:
    err = StringIO()
    options = {"dataset": "handbook", "filter": ["prise > 1", "price > 1", "source is x"]}

    call_command("search_segments", "pump", tenant="acme", stdout=StringIO(), stderr=err, **options)

    assert err.getvalue().splitlines() == [
        "Nothing in this dataset has metadata “prise”. Check its spelling."
    ]
