"""The language of a dataset: change it at any time, watch full text being rebuilt."""

from time import sleep

from django.contrib.auth.models import User
from django.db import transaction

from datasets.languages import checked_language, configuration_of, language_of
from datasets.models import Dataset
from datasets.text_search import checked_text_search_config
from segments.embedding import languages as models
from segments.models import DocumentSegment, FullTextRebuild, ImportJob
from segments.models.job import JobStatus
from segments.rebuilding import run
from segments.rebuilding.run import UNDER_WAY, Listener, no_progress
from segments.rebuilding.state import REBUILDS
from segments.search.weights import learn_after_change

# How often a watcher looks at what a worker does.
SECONDS_BETWEEN_LOOKS = 0.5


def change_language(
    dataset: Dataset,
    language: str = "",
    text_search_config: str = "",
    *,
    user: User | None = None,
    background: bool = True,
) -> FullTextRebuild | None:
    """Make `dataset` one of `language`; None if nothing has to be rebuilt for it.

    The language is given by its code or English name. Without a text search configuration the
    language's own is used, `simple` if the server has none; without a language the
    configuration says which it is. Search goes on meanwhile and finds everything.

    Raises:
        LanguageNotFound, TextSearchConfigNotFound: there is none of that name.
        StateConflict: full text is being rebuilt already.
    """
    code, config = _wanted(dataset, language, text_search_config)
    if (code, config) == (dataset.language, dataset.text_search_config) and not (
        dataset.previous_text_search_config
    ):
        return None
    if _switched_at_once(dataset, code, config):
        return None
    new = FullTextRebuild(
        tenant_id=dataset.tenant_id,
        dataset=dataset,
        created_by=user,
        language=code,
        text_search_config=config,
    )
    return REBUILDS.submit(new, background=background)


def _wanted(dataset: Dataset, language: str, config: str) -> tuple[str, str]:
    code = checked_language(language) if language else ""
    if config:
        checked_text_search_config(config)
        return code or language_of(config) or dataset.language, config
    return code, configuration_of(code)


@transaction.atomic
def _switched_at_once(dataset: Dataset, language: str, config: str) -> bool:
    """Change a dataset without segments, and without imports that are made for its language."""
    locked = Dataset.objects.select_for_update(no_key=True).get(pk=dataset.pk)
    has_segments = DocumentSegment.objects.filter(dataset=locked).exists()
    if has_segments or ImportJob.objects.filter(dataset=locked, status__in=UNDER_WAY).exists():
        return False
    locked.language, locked.text_search_config = language, config
    locked.previous_language = locked.previous_text_search_config = ""
    locked.save()
    dataset.refresh_from_db()
    return True


def in_progress(dataset: Dataset) -> FullTextRebuild | None:
    """The rebuild that has not ended, if any."""
    return REBUILDS.in_progress(dataset.pk)


def run_in_foreground(
    ordered: FullTextRebuild, listener: Listener = no_progress
) -> FullTextRebuild:
    """Do it here, or watch the worker that does, until it has ended.

    Raises:
        RebuildNotFound: it was deleted with its dataset meanwhile.
    """
    while True:
        now = run.run(ordered.pk, listener)
        listener(now)
        if now.is_final:
            if now.status == JobStatus.COMPLETED:
                learn_after_change(now.dataset_id)
            return now
        sleep(SECONDS_BETWEEN_LOOKS)


def cancel(ordered: FullTextRebuild, why: str = "It was cancelled.") -> None:
    """End it. What is done stays done, and search goes on asking in both languages.

    Raises:
        StateConflict: it has ended already.
    """
    REBUILDS.cancel(ordered.pk, why)


def language_advice(dataset: Dataset) -> str:
    """What helps if the dataset's model does not know its language; empty if all is well."""
    return models.language_advice(dataset)
