"""Draws pages with matplotlib; the same traces give the same bytes with the same version of it."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain
from math import ceil, log10
from typing import Any

from matplotlib import style
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import (
    EngFormatter,
    FixedLocator,
    LogLocator,
    NullFormatter,
    NullLocator,
    ScalarFormatter,
    StrMethodFormatter,
)

from .seal import SEALED_IN, seal
from .traces import BLACK, Bar, Look, Mark, Page, Panel

FORMATS: Mapping[str, dict[str, Any]] = {
    "pdf": {"metadata": {"CreationDate": None}},
    "png": {"metadata": {"Software": None}, "dpi": 300},
}
"""File formats, and how each is saved: nothing in a file tells when it was made."""

_TITLE_POINTS, _NOTE_POINTS, _MARK_POINTS = 7.0, 5.5, 4.0
_LEGEND_POINTS, _LEGEND_ROW_INCHES = 6.5, 0.135
_CHARACTER_EMS = 0.53
"""Mean width of a character."""

STYLE = {
    "font.size": 7,
    "axes.labelsize": 7,
    "axes.titlesize": _TITLE_POINTS,
    "axes.titlelocation": "left",
    "axes.titlepad": 6,
    "axes.linewidth": 0.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.labelpad": 2,
    "xtick.labelsize": 6.5,
    "ytick.labelsize": 6.5,
    "xtick.major.width": 0.5,
    "ytick.major.width": 0.5,
    "xtick.minor.width": 0.3,
    "ytick.minor.width": 0.3,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "xtick.minor.size": 1.5,
    "ytick.minor.size": 1.5,
    "legend.fontsize": _LEGEND_POINTS,
    "legend.frameon": False,
    "legend.handlelength": 2.6,
    "legend.columnspacing": 1.6,
    "legend.labelspacing": 0.25,
    "legend.borderaxespad": 0.2,
    "pdf.fonttype": 42,
}
_DASHES: dict[str, Any] = {"solid": "-", "dashed": (0, (4, 1.6)), "dotted": (0, (1, 1.3)), "none": "none"}
_SHADE = "#dddddd"

_COLOURS, _COLOUR_SCALE, _COLOUR_TICKS = "cividis_r", LogNorm(1, 10), (1, 2, 5, 10)
"""Dark is more; lightness alone tells it, in print without colours and to colour-blind readers."""

_STRIP = 0.86
"""Height of a strip of cells, of the distance to the next."""


def drawn(page: Page) -> dict[str, bytes]:
    """The page as a file, by format."""
    with style.context(["default", STYLE]):
        figure = _figure(page)
        files, mark = {}, seal(page)
        for suffix, options in FORMATS.items():
            buffer = io.BytesIO()
            metadata = options["metadata"] | {SEALED_IN[suffix]: mark}
            figure.savefig(buffer, format=suffix, **options | {"metadata": metadata})
            files[suffix] = buffer.getvalue()
        return files


def _figure(page: Page) -> Figure:
    note = wrapped(page.note, page.width - 0.1, _NOTE_POINTS)
    handles = _handles(page.panels)
    columns = _legend_columns(list(handles), page.width)
    above = _LEGEND_ROW_INCHES * ceil(len(handles) / columns) + 0.05 if handles else 0.0
    below = (note.count("\n") + 1) * _NOTE_POINTS * 1.25 / 72 + 0.06 if note else 0.0
    height = sum(page.heights) + above + below
    figure = Figure(figsize=(page.width, height), layout="constrained")
    FigureCanvasAgg(figure)
    layout: Any = figure.get_layout_engine()
    layout.set(rect=(0, below / height, 1, 1 - (above + below) / height), w_pad=0.03, h_pad=0.03, hspace=0, wspace=0)
    if handles:
        figure.legend(handles=list(handles.values()), loc="upper center", ncols=columns)
    figure.text(0.05 / page.width, 0.04 / height, plain(note), size=_NOTE_POINTS, color="#333333", linespacing=1.15)
    _draw_panels(figure, page)
    return figure


def plain(text: str) -> str:
    """Text without mathematics: names of data may hold a dollar sign."""
    return text.replace("$", r"\$")


def _legend_columns(labels: Sequence[str], width: float) -> int:
    """As many columns of the longest label as fit, in as few rows as can be, and evenly filled."""
    entry = 0.5 + max(map(len, labels), default=0) * _CHARACTER_EMS * _LEGEND_POINTS / 72
    fitting = max(1, min(len(labels), int(width / entry)))
    return ceil(len(labels) / ceil(len(labels) / fitting)) if labels else 1


def wrapped(text: str, inches: float, points: float) -> str:
    """Lines of a width; a value stays with its name."""
    characters = int(inches * 72 / (_CHARACTER_EMS * points))
    return textwrap.fill(text.replace(" = ", "\u00a0=\u00a0"), characters, break_on_hyphens=False)


def _draw_panels(figure: Figure, page: Page) -> None:
    columns = max(map(len, page.rows))
    grid = figure.add_gridspec(len(page.rows), columns, height_ratios=page.heights)
    first: Axes | None = None
    for i, row in enumerate(page.rows):
        for j, panel in enumerate(row):
            axes = figure.add_subplot(grid[i, j], sharey=first if page.share_y else None)
            first = first or axes
            below = page.rows[i + 1][j : j + 1] if i + 1 < len(page.rows) else ()
            _draw(axes, panel, width=page.width / columns)
            if not below or below[0].x_label != panel.x_label:
                axes.set_xlabel(plain(panel.x_label))
            if j == 0 or row[j - 1].y_label != panel.y_label:
                axes.set_ylabel(plain(panel.y_label))
            if page.share_y and j > 0:
                axes.tick_params(labelleft=False, which="both")


def _draw(axes: Axes, panel: Panel, width: float) -> None:
    titles = (wrapped(line, width - 0.25, _TITLE_POINTS) for line in panel.title.split("\n"))
    axes.set_title(plain("\n".join(titles)))
    if panel.log_x:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
    if panel.log_y:
        axes.set_yscale("log")
    if panel.bars:
        _draw_bars(axes, panel.bars)
        return
    if panel.strips:
        _draw_strips(axes, panel)
        return
    axes.grid(axis="y", linewidth=0.3, color="#cccccc")
    axes.margins(x=0.02)
    for span in panel.spans:
        axes.axvspan(span.start, span.stop, color=_SHADE, linewidth=0)
    for mark in panel.marks:
        _draw_mark(axes, mark)
    for level in panel.levels:
        axes.plot([0, 1], [level.y, level.y], transform=axes.get_yaxis_transform(), **_stroke(level.look))
    for line in panel.lines:
        if line.low:
            axes.fill_between(line.x, line.low, line.high, color=line.look.colour, alpha=0.18, linewidth=0)
        axes.plot(line.x, line.y, **_stroke(line.look))
    last = max((x for line in panel.lines for x in line.x), default=0.0)
    if panel.bend is not None:
        _bend(axes, panel.bend, last)
    elif last >= 10_000 and not panel.log_x:
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    if not panel.x_label:
        axes.tick_params(labelbottom=False)


def _draw_mark(axes: Axes, mark: Mark) -> None:
    axes.axvline(mark.x, color=mark.look.colour, linestyle=_DASHES[mark.look.dash], linewidth=0.6)
    place = 1.0 if mark.at_top else 0.0
    axes.plot([mark.x], [place], transform=axes.get_xaxis_transform(), clip_on=False, zorder=5, **_marker(mark.look))


def _draw_bars(axes: Axes, bars: Sequence[Bar]) -> None:
    for place, bar in enumerate(bars):
        axes.barh(place, bar.length, height=0.62, color=bar.look.colour, linewidth=0)
        if bar.high > bar.low:
            axes.plot([bar.low, bar.high], [place, place], color="black", linewidth=0.7, marker="|", markersize=3)
        axes.annotate(
            bar.text, (max(bar.high, bar.length), place), (3, 0), textcoords="offset points", va="center", size=6.5
        )
    axes.set_yticks(range(len(bars)), [plain(bar.name) for bar in bars])
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(bars) - 0.5, -0.5)
    axes.set_xlim(0, 1.4 * max(max(bar.high, bar.length) for bar in bars))


def _draw_strips(axes: Axes, panel: Panel) -> None:
    for place, strip in enumerate(panel.strips):
        sides = (place - _STRIP / 2, place + _STRIP / 2)
        mesh = axes.pcolormesh(strip.edges, sides, [strip.values], norm=_COLOUR_SCALE, cmap=_COLOURS, edgecolors="face")
    for line in panel.lines:
        axes.plot(line.x, line.y, **_stroke(line.look), clip_on=False)
    axes.set_yticks(range(len(panel.strips)), [plain(strip.name) for strip in panel.strips])
    axes.tick_params(axis="y", length=0)
    axes.set_xlim(0, max(strip.edges[-1] for strip in panel.strips))
    figure: Any = axes.figure
    bar = figure.colorbar(mesh, ax=axes, extend="max", pad=0.02, ticks=_COLOUR_TICKS, format="%g")
    bar.set_label(plain(panel.colours))
    bar.minorticks_off()


def _bend(axes: Axes, bend: float, last: float) -> None:
    axes.set_xscale("symlog", linthresh=bend, linscale=1.0)
    places = [0, bend / 2, *(bend * step for step in (1, 2, 5, 10, 20, 50, 100))]
    ticks = [tick for tick in places if tick <= 1.02 * last]
    if log10(ticks[-1] / ticks[-2]) < 0.16 * (1 + log10(last / bend)):  # their labels would touch
        ticks.pop()
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(ScalarFormatter())


def _stroke(look: Look) -> dict[str, Any]:
    return {
        "color": look.colour,
        "linestyle": _DASHES[look.dash],
        "linewidth": look.width,
        "marker": look.marker or "none",
        "markerfacecolor": look.colour if look.filled else "white",
        "markersize": look.size,
        "markeredgewidth": 0.6,
    }


def _marker(look: Look) -> dict[str, Any]:
    face = look.colour if look.filled else "white"
    return {"color": look.colour, "marker": look.marker, "markerfacecolor": face, "markersize": _MARK_POINTS}


def _handles(panels: Sequence[Panel]) -> dict[str, Artist]:
    """One legend entry a label: curves, levels, marks, spans."""
    entries: dict[str, Artist] = {}
    for line in chain.from_iterable(panel.lines for panel in panels):
        entries.setdefault(line.label, Line2D([], [], label=plain(line.label), **_stroke(line.look)))
    for level in chain.from_iterable(panel.levels for panel in panels):
        stroke = _stroke(replace(level.look, colour=BLACK))
        entries.setdefault(level.kind, Line2D([], [], label=level.kind, **stroke))
    for mark in chain.from_iterable(panel.marks for panel in panels):
        look = {"linestyle": _DASHES[mark.look.dash], "linewidth": 0.6, **_marker(mark.look)}
        entries.setdefault(mark.label, Line2D([], [], label=mark.label, **look))
    for span in chain.from_iterable(panel.spans for panel in panels):
        entries.setdefault(span.label, Patch(color=_SHADE, label=span.label))
    return entries
