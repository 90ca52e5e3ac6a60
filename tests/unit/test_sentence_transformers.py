"""The provider of models on this machine, as far as it goes without the library."""

import subprocess
import sys
from pathlib import Path

import pytest

from segments.embedding import get_embedder
from segments.exceptions import NoEmbeddingModel

PROJECT = Path(__file__).resolve().parents[2]
USE_THE_DEFAULT = """
import sys, django
django.setup()
from segments.embedding import get_embedder
get_embedder("sentence_transformers", "any")
get_embedder("wordllama", "l2_supercat_256").embed_query("hello")
print(*sorted({"torch", "transformers", "sentence_transformers", "openai"} & set(sys.modules)))
print(sys.modules["datasets"].__file__)
"""


def test_without_the_library_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    model = get_embedder("sentence_transformers", "missing")
    with pytest.raises(NoEmbeddingModel, match=r"requirements-sentence-transformers\.txt"):
        model.embed_query("hello")


@pytest.mark.parametrize("path", ["/etc", "../secrets", "models/../../secrets"])
def test_a_path_is_no_name_of_a_model(path: str) -> None:
    with pytest.raises(NoEmbeddingModel, match="is not a model name"):
        get_embedder("sentence_transformers", path)


def test_nothing_heavy_is_imported_before_it_is_used(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", USE_THE_DEFAULT],
        cwd=PROJECT,
        env={
            "SEGMILL_HOME": str(tmp_path),
            "DATABASE_URL": "postgresql://nobody@localhost:1/none",
            "DJANGO_SETTINGS_MODULE": "config.settings",
        },
        capture_output=True,
        text=True,
        check=True,
    )
    imported, datasets = done.stdout.splitlines()
    assert imported == ""
    assert Path(datasets) == PROJECT / "datasets" / "__init__.py"
