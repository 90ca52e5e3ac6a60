"""The weight of meaning in hybrid search: learned after imports, tuned, set, and used."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client
from django.urls import reverse

from datasets.models import Dataset, Document, Tenant, WeightSource
from segments import tasks
from segments.exceptions import SearchRefused
from segments.models import DocumentSegment
from segments.search import search
from segments.search.pseudo_questions import GRID
from segments.search.weights import learn_if_due, set_weight
from segments.services import imports
from tests.servers.embeddings import EmbeddingsServer

from .api_client import Api
from .conftest import ImportText, MakeDocument

pytestmark = pytest.mark.django_db(transaction=True)
JUDGED = Path(__file__).parents[1] / "files" / "judged"
PASSAGES = (JUDGED / "household.csv").read_text(encoding="utf-8")
SHORT = "content\n" + "".join(f"Where is my order number {n}?\n" for n in range(30))


def weight(dataset: Dataset) -> tuple[float, str]:
    dataset.refresh_from_db()
    return dataset.semantic_weight, dataset.semantic_weight_source


def test_an_import_has_its_weight_learned_from_questions_that_its_texts_answer(
    dataset: Dataset, passages: Document, import_text: ImportText
) -> None:
    import_text(passages, PASSAGES)

    learned, source = weight(dataset)
    assert source == WeightSource.LEARNED
    assert learned >= 0.6  # its questions avoid the words of their answers
    basis = dataset.semantic_weight_basis
    assert (basis["segments"], basis["model"]) == (40, "wordllama/l2_supercat_256")
    assert basis["questions"] >= 30
    assert list(basis["curve"]) == [f"{each:.2f}" for each in GRID]


def test_short_texts_of_a_known_language_have_a_high_weight(
    dataset: Dataset, passages: Document, import_text: ImportText
) -> None:
    import_text(passages, SHORT)

    assert weight(dataset)[0] > 0.6
    assert dataset.semantic_weight_basis["questions"] == 0


def test_short_texts_of_an_unknown_language_have_a_low_one(
    dataset: Dataset, passages: Document, import_text: ImportText
) -> None:
    import_text(passages, SHORT.replace("Where is my order number", "Где мой заказ под номером"))

    assert weight(dataset)[0] < 0.3


def test_long_answers_make_words_matter(
    dataset: Dataset, document: Document, import_text: ImportText
) -> None:
    answer = "Look it up under your account and your orders " * 5
    rows = "".join(f"Where is my order number {n}?,{answer}\n" for n in range(30))
    import_text(document, "question,answer\n" + rows)

    assert weight(dataset)[0] < 0.3


def test_workers_learn_after_an_import(dataset: Dataset, passages: Document) -> None:
    from io import BytesIO

    from segments.models.import_job import ImportSource

    started = imports.start_import(
        passages, BytesIO(PASSAGES.encode()), "rows.csv", source=ImportSource.API
    )
    tasks.run_import(str(started.pk))

    assert weight(dataset)[1] == WeightSource.LEARNED


def test_it_is_learned_again_when_the_dataset_has_doubled(
    dataset: Dataset, passages: Document, import_text: ImportText
) -> None:
    import_text(passages, PASSAGES)
    dataset.refresh_from_db()
    assert learn_if_due(dataset) is None

    longer = "external_id,content\n" + "".join(f"x{n},Order {n} is late.\n" for n in range(50))
    import_text(passages, longer)

    dataset.refresh_from_db()
    assert dataset.semantic_weight_basis["segments"] > 60


def test_what_was_set_is_kept_until_it_is_let_go(
    dataset: Dataset, passages: Document, import_text: ImportText
) -> None:
    set_weight(dataset, 0.85)
    import_text(passages, PASSAGES)
    assert weight(dataset) == (0.85, WeightSource.SET)

    set_weight(dataset, None)

    assert weight(dataset)[1] == WeightSource.LEARNED
    with pytest.raises(SearchRefused, match="from 0 to 1"):
        set_weight(dataset, 1.5)


def test_an_economy_dataset_has_nothing_to_learn(
    economy: Dataset, make_document: MakeDocument, import_text: ImportText
) -> None:
    import_text(make_document(economy, doc_form="text_model"), PASSAGES)  # type: ignore[arg-type]

    assert weight(economy)[1] == WeightSource.DEFAULT


@pytest.mark.usefixtures("endpoint")
def test_an_endpoint_is_asked_for_a_few_texts_only_and_may_fail(
    tenant: Tenant,
    make_document: MakeDocument,
    import_text: ImportText,
    server: EmbeddingsServer,
) -> None:
    remote = Dataset.objects.create(
        tenant=tenant, name="remote", embedding_model_provider="openai", embedding_model="m"
    )
    rows = "".join(f"The first fact is {n}. The second fact is {n} too.\n" for n in range(100))
    import_text(make_document(remote, doc_form="text_model"), "content\n" + rows)  # type: ignore[arg-type]

    asked = [text for text in server.texts if not text.startswith("The first fact is")]
    assert weight(remote)[1] == WeightSource.LEARNED
    assert remote.semantic_weight_basis["questions"] <= 40
    assert len(asked) <= 2 * 40

    before = weight(remote)
    server.always = lambda handler, body: handler.refuse(401, "no")
    set_weight(remote, 0.5)
    Dataset.objects.filter(pk=remote.pk).update(semantic_weight_source=WeightSource.DEFAULT)
    from segments.search.weights import learn_after_change

    learn_after_change(remote.pk)
    assert weight(remote) == (0.5, WeightSource.DEFAULT)
    assert before[1] == WeightSource.LEARNED


def test_vectors_of_another_size_are_left_out(
    dataset: Dataset, passages: Document, import_text: ImportText
) -> None:
    import_text(passages, PASSAGES)
    some = DocumentSegment.objects.filter(position__lte=5)
    some.update(embedding=[1.0, 0.0])
    dataset.refresh_from_db()
    dataset.semantic_weight_basis = {}

    assert learn_if_due(dataset) is not None


def test_the_weight_of_the_dataset_and_of_the_query_are_used(
    dataset: Dataset, passages: Document, import_text: ImportText
) -> None:
    import_text(passages, PASSAGES)
    question = "Which cookware can I use?"
    by_words, by_meaning = (
        [hit.external_id for hit in search(dataset, question, method, 3)]
        for method in ("full_text", "semantic")
    )
    assert by_words != by_meaning

    def found(**options: Any) -> list[str | None]:
        return [hit.external_id for hit in search(dataset, question, "hybrid", 3, **options)]

    assert found(weight=0.0)[: len(by_words)] == by_words
    assert found(weight=1.0) == by_meaning
    set_weight(dataset, 1.0)
    assert found() == by_meaning
    with pytest.raises(SearchRefused, match="from 0 to 1"):
        found(weight=-0.1)


def test_a_code_is_found_by_words_whatever_the_weight(
    dataset: Dataset, passages: Document, import_text: ImportText
) -> None:
    import_text(
        passages, "external_id,content\na,Valve AB-4711\nb,Valve AB-4712\nc,Valve AB-4713\n"
    )
    set_weight(dataset, 1.0)

    for number, name in ((4711, "a"), (4712, "b"), (4713, "c")):
        assert search(dataset, f"AB-{number}")[0].external_id == name


def run(command: str, *arguments: Any, **options: Any) -> Any:
    out = StringIO()
    call_command(command, *arguments, tenant="acme", stdout=out, stderr=StringIO(), **options)
    return json.loads(out.getvalue())


def test_judged_questions_tune_the_weight(
    dataset: Dataset, passages: Document, import_text: ImportText
) -> None:
    import_text(passages, PASSAGES)
    path = str(JUDGED / "household.json")
    before = run("evaluate_search", path, dataset="handbook", json=True)
    answer = run("evaluate_search", path, dataset="handbook", tune=True, json=True)

    assert weight(dataset) == (answer["semantic_weight"], WeightSource.TUNED)
    assert answer["semantic_weight_source"] == "tuned"
    curve = answer["ndcg_at_10_by_weight"]
    assert answer["methods"]["hybrid"]["ndcg_at_10"] == pytest.approx(
        curve[f"{answer['semantic_weight']:.2f}"], abs=1e-3
    )
    assert max(curve.values()) - answer["methods"]["hybrid"]["ndcg_at_10"] < 0.01
    single = max(before["methods"][name]["ndcg_at_10"] for name in ("full_text", "semantic"))
    assert before["methods"]["hybrid"]["ndcg_at_10"] >= single - 0.005


def test_without_vectors_there_is_nothing_to_tune(economy: Dataset) -> None:
    with pytest.raises(CommandError, match="no weight to tune"):
        run("evaluate_search", str(JUDGED / "household.json"), dataset="archive", tune=True)


def test_a_request_and_a_change_of_the_dataset_name_weights(
    api: Api, dataset: Dataset, passages: Document, import_text: ImportText
) -> None:
    import_text(passages, PASSAGES)
    url = f"datasets/{dataset.pk}"

    def weights(meaning: float, words: float) -> dict[str, Any]:
        return {
            "weights": {
                "vector_setting": {"vector_weight": meaning},
                "keyword_setting": {"keyword_weight": words},
            }
        }

    def retrieved(**model: Any) -> list[str]:
        body = {
            "query": "Which cookware can I use?",
            "retrieval_model": {"search_method": "hybrid_search", "top_k": 3} | model,
        }
        records = api.post(f"{url}/retrieve", body).json()["records"]
        return [record["segment"]["external_id"] for record in records]

    by_meaning = [
        hit.external_id for hit in search(dataset, "Which cookware can I use?", "semantic", 3)
    ]
    assert retrieved(**weights(0.7, 0)) == by_meaning
    assert retrieved(**weights(0, 0.7)) != by_meaning
    refused = api.post(f"{url}/retrieve", {"query": "a", "retrieval_model": weights(0, 0)})
    assert refused.status_code == 400

    changed = api.patch(url, {"retrieval_model": weights(0.9, 0.3)}).json()
    assert (changed["semantic_weight"], changed["semantic_weight_source"]) == (0.75, "set")
    assert changed["retrieval_model_dict"]["weights"]["keyword_setting"]["keyword_weight"] == 0.25
    assert api.patch(url, {"semantic_weight": 0.2}).json()["semantic_weight"] == 0.2
    assert api.patch(url, {"semantic_weight": None}).json()["semantic_weight_source"] == "learned"
    assert api.patch(url, {"semantic_weight": 2}).status_code == 400
    assert api.patch(url, {}).status_code == 200, "nothing is changed"


def test_the_page_of_a_dataset_shows_and_takes_the_weight(
    dataset: Dataset,
    passages: Document,
    import_text: ImportText,
    admin_client: Client,
) -> None:
    import_text(passages, PASSAGES)
    url = reverse("admin:datasets_dataset_change", args=[dataset.pk])
    page = admin_client.get(url).content.decode()
    assert "Learned from the segments, by " in page

    def save(semantic_weight: str, **more: str) -> Any:
        given = {
            "name": dataset.name,
            "language": "en",
            "text_search_config": "english",
            "semantic_weight": semantic_weight,
            "enable_api": "on",
        }
        return admin_client.post(url, given | more)

    assert save("0.65").status_code == 302
    assert weight(dataset) == (0.65, WeightSource.SET)
    assert save("").status_code == 302
    assert weight(dataset)[1] == WeightSource.LEARNED
    assert "A reranker needs its provider" in save("", rerank_model="bge").content.decode()
    assert "less than or equal to 1" in save("1.5").content.decode()
