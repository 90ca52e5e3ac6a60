"""How well each method of search does on questions whose answers are known."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from time import perf_counter

from datasets.models import Dataset
from segments.models import DocumentSegment
from segments.search.judgements import Question
from segments.search.metrics import ndcg, recall, reciprocal_rank
from segments.search.query import MAX_QUERY_CHARS, SearchMethod, search

# More than the measures look at, since an external id may occur in several documents.
HITS_READ = 50


@dataclass(frozen=True, slots=True)
class Quality:
    """Means over all questions, each 0 to 1, and the usual time of a search in milliseconds."""

    ndcg_at_10: float
    recall_at_10: float
    mrr_at_10: float
    median_ms: float


def evaluate(
    dataset: Dataset,
    questions: Sequence[Question],
    method: SearchMethod,
    shown: Callable[[Sequence[Question]], Iterable[Question]] = iter,
) -> Quality:
    """Search `dataset` for every one of `questions`; `shown` may show how far it has come.

    Raises:
        SearchRefused: the dataset cannot be searched by this method.
    """
    rankings, milliseconds = [], []
    for question in shown(questions):
        began = perf_counter()
        hits = search(dataset, question.text[:MAX_QUERY_CHARS], method, HITS_READ)
        milliseconds.append((perf_counter() - began) * 1000)
        names = dict.fromkeys(hit.external_id for hit in hits if hit.external_id)
        rankings.append((list(names), question.relevant))
    return Quality(
        ndcg_at_10=fmean(ndcg(*judged) for judged in rankings),
        recall_at_10=fmean(recall(*judged) for judged in rankings),
        mrr_at_10=fmean(reciprocal_rank(*judged) for judged in rankings),
        median_ms=median(milliseconds),
    )


def unknown_ids(dataset: Dataset, questions: Sequence[Question]) -> list[str]:
    """Relevant external ids that no segment of `dataset` has: nothing can find them."""
    wanted = {name for question in questions for name in question.relevant}
    segments = DocumentSegment.objects.filter(dataset=dataset, external_id__in=wanted)
    return sorted(wanted.difference(segments.values_list("external_id", flat=True)))
