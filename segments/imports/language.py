"""The language of a dataset, found by its first import."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from datasets.languages import configuration_of, language_name
from datasets.models import DEFAULT_TEXT_SEARCH_CONFIG, Dataset
from segments.embedding.languages import advice_for
from segments.files.columns import Columns
from segments.files.types import RawRow, Target
from segments.imports.staging import FullText
from segments.languages.detection import detect
from segments.models import DocumentSegment, ImportJob


@dataclass(frozen=True, slots=True)
class FoundLanguage:
    """How full text of the rows is made, and what people should know of it."""

    full_text: FullText
    notices: list[str] = field(default_factory=list)


def is_open(target: Target) -> bool:
    """Whether the rows are to show the language: nobody set it, and no segment depends on it."""
    if target.language:
        return False
    return not DocumentSegment.objects.filter(dataset=target.dataset_id).exists()


def find(target: Target, head: Sequence[RawRow], columns: Columns) -> FoundLanguage:
    """The language of the rows in `head`; that of the dataset if they are empty or do not tell."""
    known = FullText(target.text_search_config, target.language)
    found = detect([text for raw in head if (text := _text_of(raw, columns))]) if head else ""
    if not found:
        return FoundLanguage(known, _advice(target, known))
    full_text = _full_text(target, found)
    is_usual = full_text.config == DEFAULT_TEXT_SEARCH_CONFIG
    notices = [] if is_usual else [_notice(full_text)]
    return FoundLanguage(full_text, [*notices, *_advice(target, full_text)])


def _advice(target: Target, full_text: FullText) -> list[str]:
    advice = advice_for(target.provider, target.model, full_text.language)
    return [advice] if advice else []


def _text_of(raw: RawRow, columns: Columns) -> str:
    places = [columns.content, *([] if columns.answer is None else [columns.answer])]
    return " ".join(raw.cells[place] for place in places if place < len(raw.cells))


def adopt(job: ImportJob, dataset: Dataset, config: str) -> None:
    """Make the language that an import has found its dataset's, with its rows' configuration.

    In the transaction that publishes them, which has the dataset locked. Of two first imports
    at once the first decides; the other one's rows are refused if they have another
    configuration.
    """
    is_unchanged = dataset.text_search_config in (DEFAULT_TEXT_SEARCH_CONFIG, config)
    if job.found_language and not dataset.language and is_unchanged:
        dataset.language, dataset.text_search_config = job.found_language, config
        dataset.save(update_fields=["language", "text_search_config"])


def _full_text(target: Target, language: str) -> FullText:
    # Another configuration than the usual one was chosen by somebody.
    follows = target.text_search_config == DEFAULT_TEXT_SEARCH_CONFIG
    return FullText(configuration_of(language) if follows else target.text_search_config, language)


def _notice(full_text: FullText) -> str:
    return (
        f"The texts are in {language_name(full_text.language)}; full text uses the configuration "
        f"{full_text.config}. If that is wrong, change the dataset's language."
    )
