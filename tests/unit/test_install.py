"""uv takes packages from where pip is told to take them."""

from config.install import uv_variables

LISTED = """
global.extra-index-url='https://a.example/simple https://b.example/simple'
global.find-links='/wheels\\n/more'
install.find-links='/ours'
global.index-url='https://mirror.example/simple'
:env:.index-url='https://other.example/simple'
global.constraint='/etc/limits.txt'
wheel.find-links='/only-for-wheels'
global.progress_bar='off'
"""


def test_the_places_of_packages_are_those_of_pip() -> None:
    assert uv_variables(LISTED.strip().splitlines()) == {
        "UV_INDEX": "https://a.example/simple https://b.example/simple",
        "UV_FIND_LINKS": "/ours",
        "UV_DEFAULT_INDEX": "https://other.example/simple",
        "UV_CONSTRAINT": "/etc/limits.txt",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
    }


def test_several_folders_are_separated_as_uv_does() -> None:
    assert uv_variables([r"global.find-links='/a\n/b'"])["UV_FIND_LINKS"] == "/a,/b"


def test_without_settings_only_the_choice_among_indexes_is_told() -> None:
    assert uv_variables([]) == {"UV_INDEX_STRATEGY": "unsafe-best-match"}
