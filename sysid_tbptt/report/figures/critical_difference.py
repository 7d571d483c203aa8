"""The critical-difference diagram: average ranks on a line, with a bar over models that cannot be told apart."""

from __future__ import annotations

import io
from itertools import chain
from typing import Any

import scikit_posthocs
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.transforms import ScaledTranslation

from ..stats import Ranking
from .render import FORMATS, STYLE, plain, wrapped
from .traces import BLACK, BLUE, PAGE_WIDTH

NAME = "critical-difference"
NOTE_POINTS = 5.5
_ROW_INCHES, _FRAME_INCHES, _SCALE_INCHES = 0.17, 0.75, 0.42
_CHARACTER_INCHES, _LONGEST = 0.058, 28
"""Mean width of a character of a label, and the most that are shown."""
_SVG: dict[str, dict[str, Any]] = {"svg": {"metadata": {"Date": None}}}


def drawn(ranking: Ranking, note: str) -> dict[str, bytes]:
    """The diagram as a file, by format: pdf, png and svg."""
    with style.context(["default", STYLE, {"svg.hashsalt": NAME}]):
        figure = _figure(ranking, wrapped(note, PAGE_WIDTH - 0.1, NOTE_POINTS))
        files = {}
        for suffix, options in {**FORMATS, **_SVG}.items():
            buffer = io.BytesIO()
            figure.savefig(buffer, format=suffix, **options)
            files[suffix] = buffer.getvalue()
        return files


def _figure(ranking: Ranking, note: str) -> Figure:
    names = {str(model): _label(str(model), place) for place, model in enumerate(ranking.ranks.index, start=1)}
    below = (note.count("\n") + 1) * NOTE_POINTS * 1.25 / 72 + 0.1
    height = _FRAME_INCHES + _ROW_INCHES * len(names) + below
    beside = _CHARACTER_INCHES * (max(map(len, names.values())) + len(" (0.00)")) / PAGE_WIDTH
    figure = Figure(figsize=(PAGE_WIDTH, height))
    FigureCanvasAgg(figure)
    axes = figure.add_axes((beside, below / height, 1 - 2 * beside, 1 - (below + _SCALE_INCHES) / height))
    axes.spines["top"].set_visible(True)
    artists = scikit_posthocs.critical_difference_diagram(
        ranking.ranks.rename(index=names),
        ranking.pairs.rename(index=names, columns=names),
        ax=axes,
        label_fmt_left="{label} ({rank:.2f})",
        label_fmt_right="({rank:.2f}) {label}",
        color_palette=dict.fromkeys(names.values(), BLACK),
        label_props={"size": 7},
        marker_props={"s": 8},
        elbow_props={"linewidth": 0.6},
        crossbar_props={"linewidth": 1.6, "color": BLUE, "solid_capstyle": "round"},
    )
    for bar in chain.from_iterable(artists["crossbars"]):  # its points come from a set, in the order of this process
        bar.set_xdata(sorted(bar.get_xdata()))
    _scale(axes, ranking)
    figure.text(0.05 / PAGE_WIDTH, 0.04 / height, plain(note), size=NOTE_POINTS, color="#333333", linespacing=1.15)
    return figure


def _scale(axes: Axes, ranking: Ranking) -> None:
    """The ranks from 1 to the number of models, and the critical difference as a length above them."""
    k, length = len(ranking.ranks), ranking.critical_difference
    axes.set_xlim(1, k)
    axes.set_xticks(range(1, k + 1))
    above = axes.get_xaxis_transform() + ScaledTranslation(0, 0.72 * _SCALE_INCHES, axes.figure.dpi_scale_trans)
    axes.plot([1, 1 + length], [1, 1], "k|-", linewidth=1, markersize=4, transform=above, clip_on=False)
    axes.text(1 + length, 1, f"  critical difference {length:.2f}", va="center", size=7, transform=above)


def _label(name: str, place: int) -> str:
    """The name, or what fits of it with the place, so that no two labels are the same."""
    return plain(name if len(name) <= _LONGEST else f"{name[: _LONGEST - 5]}… {place}")
