"""Languages: what a model does not know, and full text that is left half rebuilt."""

from collections.abc import Iterator

from datasets.models import Dataset
from segments.embedding.languages import REMEDY, language_advice
from segments.models import FullTextRebuild
from segments.operations.doctor.check import Check, Problem


class LanguagesCheck(Check):
    """Models know the languages of their datasets, and full text is of one language."""

    name = "languages"

    def look(self) -> Iterator[Problem]:
        """Rebuilds that ended before their time, and models of other languages."""
        under_way = FullTextRebuild.objects.open().values("dataset")
        half = Dataset.objects.exclude(previous_text_search_config="").exclude(pk__in=under_way)
        for dataset in half:
            yield Problem(
                f"Full text of dataset “{dataset}” is in two languages: its rebuild ended early.",
                f"Run: manage.py dataset_language “{dataset}” --text-search-config "
                f"{dataset.text_search_config}",
                can_wait=True,
            )
        for dataset in Dataset.objects.exclude(language="").order_by("name"):
            if advice := language_advice(dataset):
                yield Problem(
                    f"Dataset “{dataset}”: {advice.removesuffix(REMEDY).strip()}",
                    REMEDY,
                    can_wait=True,
                )

    def summary(self) -> str:
        """How many datasets have one."""
        return f"{Dataset.objects.exclude(language='').count():,} datasets with a known language"
