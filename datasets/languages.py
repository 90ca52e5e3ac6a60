"""Languages by ISO 639-1 code: names for people, text search configurations for PostgreSQL."""

from django.db import connection

from datasets.exceptions import LanguageNotFound
from datasets.models import DEFAULT_TEXT_SEARCH_CONFIG
from datasets.text_search import checked_text_search_config

# Those that the detector (py3langid) tells from one another.
LANGUAGES = {
    "af": "Afrikaans", "am": "Amharic", "an": "Aragonese", "ar": "Arabic", "as": "Assamese",
    "az": "Azerbaijani", "be": "Belarusian", "bg": "Bulgarian", "bn": "Bengali", "br": "Breton",
    "bs": "Bosnian", "ca": "Catalan", "cs": "Czech", "cy": "Welsh", "da": "Danish",
    "de": "German", "dz": "Dzongkha", "el": "Greek", "en": "English", "eo": "Esperanto",
    "es": "Spanish", "et": "Estonian", "eu": "Basque", "fa": "Persian", "fi": "Finnish",
    "fo": "Faroese", "fr": "French", "ga": "Irish", "gl": "Galician", "gu": "Gujarati",
    "he": "Hebrew", "hi": "Hindi", "hr": "Croatian", "ht": "Haitian Creole", "hu": "Hungarian",
    "hy": "Armenian", "id": "Indonesian", "is": "Icelandic", "it": "Italian", "ja": "Japanese",
    "jv": "Javanese", "ka": "Georgian", "kk": "Kazakh", "km": "Khmer", "kn": "Kannada",
    "ko": "Korean", "ku": "Kurdish", "ky": "Kyrgyz", "la": "Latin", "lb": "Luxembourgish",
    "lo": "Lao", "lt": "Lithuanian", "lv": "Latvian", "mg": "Malagasy", "mk": "Macedonian",
    "ml": "Malayalam", "mn": "Mongolian", "mr": "Marathi", "ms": "Malay", "mt": "Maltese",
    "my": "Burmese", "nb": "Norwegian Bokmål", "ne": "Nepali", "nl": "Dutch",
    "nn": "Norwegian Nynorsk", "no": "Norwegian", "oc": "Occitan", "or": "Odia", "pa": "Punjabi",
    "pl": "Polish", "ps": "Pashto", "pt": "Portuguese", "qu": "Quechua", "ro": "Romanian",
    "ru": "Russian", "rw": "Kinyarwanda", "se": "Northern Sami", "si": "Sinhala", "sk": "Slovak",
    "sl": "Slovenian", "sq": "Albanian", "sr": "Serbian", "sv": "Swedish", "sw": "Swahili",
    "ta": "Tamil", "te": "Telugu", "th": "Thai", "tl": "Tagalog", "tr": "Turkish",
    "ug": "Uyghur", "uk": "Ukrainian", "ur": "Urdu", "vi": "Vietnamese", "vo": "Volapük",
    "wa": "Walloon", "xh": "Xhosa", "yi": "Yiddish", "zh": "Chinese", "zu": "Zulu",
}  # fmt: skip
# Stemmed by the configuration of a language that they share with others.
_SHARED = {"nb": "norwegian", "nn": "norwegian"}
SIMPLE = "simple"
_PREFIX = "pg_catalog."
KNOWN = (
    "SELECT EXISTS (SELECT FROM pg_ts_config WHERE pg_ts_config_is_visible(oid) AND cfgname = %s)"
)


def language_name(code: str) -> str:
    """The English name of a language; the code itself if it has none here, empty for empty."""
    return LANGUAGES.get(code, code)


def configuration_of(language: str) -> str:
    """The server's text search configuration for a language; `simple` where it has none."""
    wanted = _SHARED.get(language, LANGUAGES.get(language, SIMPLE).lower())
    with connection.cursor() as cursor:
        cursor.execute(KNOWN, [wanted])
        (is_known,) = cursor.fetchone()
    return wanted if is_known else SIMPLE


def language_of(configuration: str) -> str:
    """The language that a text search configuration is made for; empty if it does not say."""
    names = {name.lower(): code for code, name in LANGUAGES.items()}
    return names.get(configuration.removeprefix(_PREFIX), "")


def language_and_configuration(language: str, configuration: str) -> tuple[str, str]:
    """The code and the text search configuration of a new dataset; each may be left empty.

    A configuration says the language, a language its configuration. Without either the first
    import will.

    Raises:
        LanguageNotFound, TextSearchConfigNotFound: there is none of that name.
    """
    code = checked_language(language) if language else ""
    if configuration:
        return code or language_of(configuration), checked_text_search_config(configuration)
    return code, configuration_of(code) if code else DEFAULT_TEXT_SEARCH_CONFIG


def checked_language(name: str) -> str:
    """The code of a language, which may be given by its code or its English name.

    Raises:
        LanguageNotFound: it is neither.
    """
    wanted = name.strip().lower()
    if wanted in LANGUAGES:
        return wanted
    code = language_of(wanted)
    if not code:
        raise LanguageNotFound(name, [*LANGUAGES, *LANGUAGES.values()])
    return code
