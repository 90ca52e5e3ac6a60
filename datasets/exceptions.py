"""The base class of all errors that Segmill raises on purpose, and the lookup errors."""

from collections.abc import Sequence
from difflib import get_close_matches
from http import HTTPStatus
from typing import ClassVar

# The maximum length of a name; comparing a longer one with all others would be slow.
NAME_CHARS = 255
NAMES_LISTED = 5


class SegmillError(Exception):
    """An error that the user can understand and fix; the message says what to do.

    `code` is for machines and never changes; `status` is the HTTP status of the API's answer.
    """

    code: ClassVar[str] = "segmill_error"
    status: ClassVar[HTTPStatus] = HTTPStatus.BAD_REQUEST


class NotFound(SegmillError):
    """This tenant has nothing with that name."""

    code = "not_found"
    status = HTTPStatus.NOT_FOUND
    noun: ClassVar[str] = "object"

    def __init__(self, name: str, known: Sequence[str] = (), remedy: str = "") -> None:
        """`known` are the names the user may see: similar ones are suggested, or some listed."""
        self.name = name
        self.suggestions = _nearest(name, known)
        hints = (self._did_you_mean() or ("" if remedy else _listed(known)), remedy)
        super().__init__(" ".join(filter(None, (self._what(), *hints))))

    def _what(self) -> str:
        return f"There is no {self.noun} “{self.name}”."

    def _did_you_mean(self) -> str:
        if not self.suggestions:
            return ""
        return f"Did you mean {' or '.join(f'“{name}”' for name in self.suggestions)}?"


class TenantNotFound(NotFound):
    """There is no such tenant."""

    noun = "tenant"


class DatasetNotFound(NotFound):
    """The tenant has no such dataset."""

    noun = "dataset"


class DocumentNotFound(NotFound):
    """The dataset has no such document."""

    noun = "document"


class TextSearchConfigNotFound(NotFound):
    """The PostgreSQL server has no such text search configuration."""

    noun = "text search configuration"
    code = "text_search_config_not_found"
    status = HTTPStatus.BAD_REQUEST


class LanguageNotFound(NotFound):
    """It is neither the code nor the English name of a language."""

    noun = "language"
    code = "language_not_found"
    status = HTTPStatus.BAD_REQUEST


class AmbiguousName(SegmillError):
    """Several documents share the name, so only an id says which one is meant."""

    code = "ambiguous_name"

    def __init__(self, name: str, ids: Sequence[str], listed: int) -> None:
        """`ids` are all that were found; the message names the first `listed`."""
        self.name, self.ids = name, list(ids[:listed])
        many = f"More than {listed}" if len(ids) > listed else f"{len(ids)}"
        super().__init__(
            f"{many} documents are named “{name}”. "
            f"Use the id of one of them: {', '.join(self.ids)}."
        )


class DatasetNameTaken(SegmillError):
    """The tenant already has a dataset with that name."""

    code = "dataset_name_duplicate"
    status = HTTPStatus.CONFLICT

    def __init__(self) -> None:
        super().__init__("The dataset name already exists. Please modify your dataset name.")


def _nearest(name: str, known: Sequence[str]) -> list[str]:
    """Up to three `known` names that look like `name`, ignoring case."""
    folded = {candidate.casefold(): candidate for candidate in known}
    near = get_close_matches(name[:NAME_CHARS].casefold(), folded, n=3, cutoff=0.5)
    return [folded[match] for match in near]


def _listed(known: Sequence[str]) -> str:
    """The first few `known` names, as a sentence."""
    if not known:
        return ""
    end = " …" if len(known) > NAMES_LISTED else "."
    return f"Known names: {', '.join(f'“{name}”' for name in known[:NAMES_LISTED])}{end}"
