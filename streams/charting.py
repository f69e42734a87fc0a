"""Bars side by side as an SVG, readable on light and dark ground; written by hand, the same bytes for the same numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, LEFT, GAP, TOP, ROW, BAR = 900, 190, 24, 74, 34, 20
LABEL = 165
"""Room behind the longest bar for what it says."""

STYLE = """
text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328 }
.head { font-weight: 600 }
.note { fill: #59636e }
.line { stroke: #d1d9e0 }
.bar0 { fill: #b3402e }
.bar1 { fill: #2a6f9e }
.bar2 { fill: #7a6a1f }
.bar3 { fill: #5a4a8a }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc }
  .note { fill: #9198a1 }
  .line { stroke: #3d444d }
  .bar0 { fill: #e8826f }
  .bar1 { fill: #6cb2e0 }
  .bar2 { fill: #cbb65a }
  .bar3 { fill: #a99be0 }
}
"""


@dataclass(frozen=True, slots=True)
class Panel:
    """One measure: for each row a value, which is the bar's length, and what is written beside it."""

    head: str
    note: str
    bars: tuple[tuple[float, str], ...]


def chart(title: str, names: Sequence[str], panels: Sequence[Panel], label: int = LABEL) -> str:
    """The whole file. Each panel has its own scale, from zero to its longest bar; `label` is the room for what stands behind that."""
    height = TOP + ROW * len(names) + 14
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
            f"<title>{escape(title)}</title>",
            f"<style>{STYLE}</style>",
            *_names(names),
            *(
                line
                for index, panel in enumerate(panels)
                for line in _panel(panel, index, len(panels), label)
            ),
            "</svg>\n",
        )
    )


def _names(names: Sequence[str]) -> Iterator[str]:
    for row, name in enumerate(names):
        yield f'<text x="{LEFT - 12}" y="{_middle(row)}" text-anchor="end">{escape(name)}</text>'


def _panel(panel: Panel, index: int, panels: int, label: int) -> Iterator[str]:
    wide = (WIDTH - LEFT) / panels
    left = round(LEFT + index * wide)
    longest = max((value for value, _ in panel.bars), default=0) or 1
    scale = (wide - GAP - label) / longest
    yield f'<text class="head" x="{left}" y="22">{escape(panel.head)}</text>'
    yield f'<text class="note" x="{left}" y="42">{escape(panel.note)}</text>'
    yield f'<path class="line" d="M{left - 0.5} {TOP - 12}V{TOP + ROW * len(panel.bars)}"/>'
    for row, (value, said) in enumerate(panel.bars):
        length = round(value * scale, 1)
        top = TOP + ROW * row
        yield f'<rect class="bar{index}" x="{left}" y="{top}" width="{length}" height="{BAR}"/>'
        yield f'<text x="{round(left + length + 7, 1)}" y="{_middle(row)}">{escape(said)}</text>'


def _middle(row: int) -> int:
    return TOP + ROW * row + 15
