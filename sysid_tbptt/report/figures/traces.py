"""What a figure shows, as plain numbers and words; drawn by `render`, and whole without it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Numbers = tuple[float, ...]

BLACK, GREY = "#000000", "#777777"
BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"
"""Colours of Okabe and Ito, told apart by colour-blind readers; no trace differs from another by its colour alone."""

COLUMN_WIDTH, PAGE_WIDTH = 3.4, 7.0
"""Inches of a column and of a page in print."""

SOLID, DASHED, DOTTED, NO_LINE = "solid", "dashed", "dotted", "none"


@dataclass(frozen=True)
class Look:
    """Colour, dash (`NO_LINE`: only markers), marker in matplotlib's letters, whether it is filled, line width, and the
    size of the marker in points."""

    colour: str
    dash: str = SOLID
    marker: str = ""
    filled: bool = True
    width: float = 1.0
    size: float = 2.4


@dataclass(frozen=True)
class Line:
    """A curve; ``low`` and ``high``, where given, bound a band about it. What is infinite is a gap."""

    label: str
    x: Numbers
    y: Numbers
    look: Look
    low: Numbers = ()
    high: Numbers = ()


@dataclass(frozen=True)
class Level:
    """A horizontal line across the panel: ``kind`` is told by its dash, as the legend says, ``part`` by its colour."""

    part: str
    kind: str
    y: float
    look: Look


@dataclass(frozen=True)
class Mark:
    """A vertical line across the panel, with a marker at its top or its foot."""

    label: str
    x: float
    look: Look
    at_top: bool = True


@dataclass(frozen=True)
class Span:
    """A shaded stretch of the x axis."""

    label: str
    start: float
    stop: float


@dataclass(frozen=True)
class Bar:
    """A horizontal bar from 0 with a whisker from ``low`` to ``high``; its name before it, ``text`` after it."""

    name: str
    length: float
    low: float
    high: float
    text: str
    look: Look


@dataclass(frozen=True)
class Strip:
    """A row of cells, from edge to edge, each coloured by its value: 1 the lightest, rising on a logarithmic scale."""

    name: str
    edges: Numbers
    values: Numbers


@dataclass(frozen=True)
class Panel:
    """One pair of axes. ``bend``: the x axis is linear up to there, and logarithmic beyond.

    The strip of place k lies about y = k; ``colours`` says what their values are.

    ``runs`` holds the ids of the runs whose numbers it shows.
    """

    title: str
    x_label: str
    y_label: str
    lines: tuple[Line, ...] = ()
    levels: tuple[Level, ...] = ()
    marks: tuple[Mark, ...] = ()
    spans: tuple[Span, ...] = ()
    bars: tuple[Bar, ...] = ()
    strips: tuple[Strip, ...] = ()
    colours: str = ""
    log_x: bool = False
    log_y: bool = False
    bend: float | None = None
    runs: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Page:
    """Panels in rows, one legend for all above them, a note below. Inches; ``heights`` are those of the rows."""

    rows: tuple[tuple[Panel, ...], ...]
    heights: Numbers
    width: float
    share_y: bool = False
    note: str = ""

    @property
    def panels(self) -> tuple[Panel, ...]:
        return tuple(panel for row in self.rows for panel in row)

    @property
    def runs(self) -> frozenset[str]:
        """The ids of the runs whose numbers the page shows."""
        return frozenset().union(*(panel.runs for panel in self.panels))


@dataclass(frozen=True)
class Grid:
    """How many panels stand side by side, how high a row is in inches, and how many rows fill a page."""

    columns: int
    height: float
    rows: int = 5
    share_y: bool = True


def paged(blocks: Sequence[Sequence[Panel]], grid: Grid) -> list[Page]:
    """Pages of panels. Each block starts a row of its own, unless all are of one panel."""
    if all(len(block) == 1 for block in blocks):
        blocks = [[panel for block in blocks for panel in block]]
    rows = [
        tuple(block[start : start + grid.columns]) for block in blocks for start in range(0, len(block), grid.columns)
    ]
    return [
        Page(
            rows=tuple(rows[start : start + grid.rows]),
            heights=(grid.height,) * len(rows[start : start + grid.rows]),
            width=COLUMN_WIDTH if max(map(len, rows)) == 1 else PAGE_WIDTH,
            share_y=grid.share_y,
        )
        for start in range(0, len(rows), grid.rows)
    ]
