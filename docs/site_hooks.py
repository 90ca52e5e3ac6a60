"""Brings the pages that lie beside `docs` into the site, and leads links between all of them."""

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parent.parent
BESIDE = {"README.md": "index.md"} | {
    name: name for name in ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")
}
SHOWN = {".md", ".png"}
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)#:]+)((?:#[^)]*)?)\)")


def on_files(files: Files, config: Any) -> Files:
    """Add the pages of the repository's first folder."""
    for name, page in BESIDE.items():
        text = (ROOT / name).read_text()
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, **kwargs: Any) -> str:
    """The page with links to other pages of the site; links to source files are their text."""
    source = str(page.file.src_uri)
    folder = ROOT if source in BESIDE.values() else (ROOT / "docs" / source).parent
    depth = source.count("/")

    def led(link: re.Match[str]) -> str:
        image, text, target, anchor = link.groups()
        path = (folder / target).resolve()
        if path.is_dir():
            path /= "README.md"
        name = path.relative_to(ROOT).as_posix()
        inside = BESIDE.get(name) or (name.removeprefix("docs/") if "docs/" in name else "")
        if path.suffix not in SHOWN or not inside or not path.exists():
            return text
        return f"{image}[{text}]({'../' * depth}{inside}{anchor})"

    return LINK.sub(led, markdown)
