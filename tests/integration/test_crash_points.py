"""A fault at every statement, COPY, COMMIT, file access and model call of what imports do.

The points find themselves: whatever is new is covered. Here each statement gets a fault that
keeps it from effect, in one of the places where it comes by, and some get one that loses their
answer; `make chaos` does all faults in all places.
"""

import random

import pytest

from tests.faults.hitting import hit, sampled_hits
from tests.faults.points import Fault

pytestmark = pytest.mark.django_db(transaction=True)

# The same places each time; `make chaos` goes to all of them.
SEED = 1
LOST_ANSWERS = 15
# Of preparing, embedding, publishing, cancelling, undoing, submitting, reaping, building an index
# and rebuilding full text.
STEPS = (
    "open the file",
    "save the file",
    "embed",
    "COMMIT",
    "COPY segments_stagedrow",
    "COPY segments_stagedvector",
    "INSERT INTO segments_documentsegment",
    "DELETE FROM segments_documentsegment",
    "SELECT pg_try_advisory_lock",
    "CREATE TABLE segments_vectors",
    "CREATE INDEX segments_vectors",
    "CREATE TABLE segments_signatures",
    "DELETE FROM segments_indexgeneration",
    "UPDATE segments_documentsegment segment SET search_text",
    "UPDATE segments_fulltextrebuild",
)


def test_a_fault_at_every_statement_leaves_nothing_half_done_and_all_recovers() -> None:
    hits = sampled_hits(random.Random(SEED), LOST_ANSWERS)
    for what in hits:
        hit(what)

    assert {what.fault for what in hits} == set(Fault)
    for step in STEPS:
        assert any(step in what.point.name.replace('"', "") for what in hits), step
