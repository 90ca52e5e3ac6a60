"""The benchmark's figures as bars, grouped by unit: plain SVG that any browser shows offline."""

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

from tests.benchmark.figures import Figure

TITLES = {
    "rows/s": "Rows per second (longer is better)",
    "answers/s": "Questions answered per second (longer is better)",
    "ms": "Milliseconds per search (shorter is better)",
    "MiB": "Peak memory in MiB (shorter is better)",
    "s": "Seconds (shorter is better)",
    "requests": "Requests per minute",
    "share": "Share of the right hits found (longer is better)",
}
WIDTH, LABELS, VALUES = 900, 330, 90
LINE, BAR, GAP = 26, 16, 14
STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#333}"
    ".title{font-weight:600;font-size:15px}.label{text-anchor:end}rect.bar{fill:#4472a8}"
)


def draw(figures: Sequence[Figure], path: Path) -> None:
    """Write an SVG file with a bar per figure; the longest bar of each unit fills the width."""
    body: list[str] = []
    top = GAP
    for unit, title in TITLES.items():
        group = [figure for figure in figures if figure.unit == unit]
        if group:
            body += _group(title, group, top)
            top += LINE * (len(group) + 1) + GAP
    path.write_text(_document(body, top), encoding="utf-8")


def _document(body: Sequence[str], height: int) -> str:
    size = f'width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}"'
    background = '<rect width="100%" height="100%" fill="#fff"/>'
    content = "\n".join([f"<style>{STYLE}</style>", background, *body])
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>\n{content}\n</svg>\n'


def _group(title: str, figures: Sequence[Figure], top: int) -> Iterator[str]:
    longest = max(figure.value for figure in figures) or 1.0
    yield f'<text class="title" x="{GAP}" y="{top + BAR}">{escape(title)}</text>'
    for number, figure in enumerate(figures, 1):
        width = (WIDTH - LABELS - VALUES) * figure.value / longest
        yield from _bar(figure, width, top + number * LINE)


def _bar(figure: Figure, width: float, top: int) -> Iterator[str]:
    base = top + BAR - 3
    digits = 2 if figure.unit in ("ms", "s", "share") else 0
    label = escape(f"{figure.name} ({figure.rows:,} rows)")
    yield f'<text class="label" x="{LABELS - 8}" y="{base}">{label}</text>'
    yield f'<rect class="bar" x="{LABELS}" y="{top}" width="{width:.1f}" height="{BAR}"/>'
    yield f'<text x="{LABELS + width + 6:.1f}" y="{base}">{figure.value:,.{digits}f}</text>'
