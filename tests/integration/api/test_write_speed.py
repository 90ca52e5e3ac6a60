"""Single writes take moments with the built-in model, whatever the document holds."""

from time import process_time

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from datasets.models import Document

from ..api_client import Api

pytestmark = pytest.mark.django_db(transaction=True)

TRIES = 7
TEXT = "The lamp is reset with the button at its back, which has to be held for long. " * 4


def rows(number: int, segments: int) -> dict[str, list[dict[str, str]]]:
    return {"segments": [{"content": f"{TEXT}{number}.{place}"} for place in range(segments)]}


def path_of(document: Document) -> str:
    return f"datasets/{document.dataset_id}/documents/{document.pk}/segments"


@pytest.mark.parametrize(("segments", "seconds"), [(1, 0.050), (20, 0.150)])
def test_adding_segments_is_fast(
    api: Api, passages: Document, segments: int, seconds: float
) -> None:
    """The machines of tests are shared: what counts is the processor time of the best of several.

    The database adds a few milliseconds, by a number of statements that is always the same.
    """
    api.post(path_of(passages), rows(0, 1))  # loads the model

    taken = []
    for number in range(TRIES):
        body = rows(number, segments)
        began = process_time()
        answer = api.post(path_of(passages), body)
        taken.append(process_time() - began)
        assert answer.status_code == 200

    assert min(taken) <= seconds, taken


def test_more_segments_take_no_more_statements(api: Api, passages: Document) -> None:
    api.post(path_of(passages), rows(0, 1))
    counts = []
    for number in (1, 20):
        with CaptureQueriesContext(connection) as statements:
            api.post(path_of(passages), rows(number, number))
        counts.append(len(statements))

    assert counts[0] == counts[1] <= 14
