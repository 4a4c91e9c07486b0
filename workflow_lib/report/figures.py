"""The report's curves, as SVG that takes on the page's colours."""

import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from workflow_lib.metrics import names
from workflow_lib.report.results import by_codec, lossy

# Okabe and Ito's colours, which also people with colour vision deficiencies tell apart, without the
# two that vanish on white or on black.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")

_SIZE = (5.4, 3.9)
"""Width and height of a figure, in inches."""

# Stand-ins that become the page's own colours, light or dark.
_INK, _RULE = "#123456", "#654321"
_STYLE: Any = {
    "svg.hashsalt": "downlink",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "axes.edgecolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "axes.facecolor": "none",
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": _RULE,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "lines.markersize": 5.5,
}


@dataclass(frozen=True)
class Look:
    """How a codec is drawn, the same on every page and figure."""

    colour: str
    marker: str


def looks(codecs: Iterable[str]) -> dict[str, Look]:
    """The look of each of the study's codecs, whatever their order."""
    return {
        codec: Look(_COLOURS[n % len(_COLOURS)], _MARKERS[n % len(_MARKERS)])
        for n, codec in enumerate(sorted(codecs))
    }


def rate_distortion(points: pd.DataFrame, looks: dict[str, Look], name: str) -> Markup:
    """PSNR over rate, one line per codec; lossless points are left out.

    Args:
        points: rows of `results.all_points` of one dataset and segmenter.
        looks: by codec.
        name: of the figure, unique on the page.
    """
    with matplotlib.rc_context(_STYLE):
        points = lossy(points)
        figure, axes = _axes(points, "PSNR (dB)")
        handles = [
            _line(axes, rows, names.PSNR_DB, looks[codec], codec)
            for codec, rows in by_codec(points)
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=4)
        return _svg(figure, name, _told("PSNR in dB", points, names.PSNR_DB))


def rate_task(points: pd.DataFrame, looks: dict[str, Look], name: str) -> Markup:
    """IoU over rate: frozen as lines, retrained as open markers, originals and trivial map across.

    Lossless points are left out.

    Args:
        points: rows of `results.all_points` of one dataset and segmenter.
        looks: by codec.
        name: of the figure, unique on the page.
    """
    with matplotlib.rc_context(_STYLE):
        levels = points.iloc[0]
        points = lossy(points)
        figure, axes = _axes(points, "IoU")
        handles = [
            _line(axes, rows, "iou_frozen", looks[codec], f"{codec}, frozen")
            for codec, rows in by_codec(points)
        ]
        for codec, rows in by_codec(points):
            _open_markers(axes, rows, looks[codec])
        if points["iou_retrained"].notna().any():
            handles.append(
                Line2D([], [], ls="", marker="o", mfc="none", mec=_INK, label="retrained")
            )
        for column, label, dashes in (
            ("iou_originals", "on originals", "-"),
            ("iou_trivial", "trivial map", ":"),
        ):
            if np.isfinite(levels[column]):
                line = axes.axhline(levels[column], color=_INK, lw=1.1, ls=dashes, label=label)
                handles.append(line)
        figure.legend(handles=handles, loc="outside lower center", ncols=3)
        return _svg(figure, name, _told("IoU of frozen segmenters", points, "iou_frozen"))


def _axes(points: pd.DataFrame, quality: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=_SIZE, layout="constrained", facecolor="none")
    axes = figure.subplots()
    rates = points[names.BPPPB] if len(points) else pd.Series([1.0])
    low, high = rates.min() / 1.6, rates.max() * 1.6
    decades = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))))
    ticks = [step * 10.0**decade for decade in decades for step in (1, 2, 5)]
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    axes.xaxis.set_major_locator(FixedLocator([tick for tick in ticks if low <= tick <= high]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("Rate (bits per pixel per band, log scale)")
    axes.set_ylabel(quality)
    return figure, axes


def _line(axes: Axes, rows: pd.DataFrame, quality: str, look: Look, label: str) -> Line2D:
    drawn = rows[np.isfinite(rows[quality])]
    (line,) = axes.plot(
        drawn[names.BPPPB], drawn[quality], color=look.colour, marker=look.marker, label=label
    )
    return line


def _open_markers(axes: Axes, rows: pd.DataFrame, look: Look) -> None:
    axes.plot(
        rows[names.BPPPB],
        rows["iou_retrained"],
        linestyle="",
        marker=look.marker,
        markerfacecolor="none",
        markeredgecolor=look.colour,
        markeredgewidth=1.4,
        markersize=8.5,
    )


def _told(quality: str, points: pd.DataFrame, column: str) -> str:
    """The figure in words, for those who cannot see it."""
    ends = []
    for codec, rows in by_codec(points):
        first, last = rows.iloc[0], rows.iloc[-1]
        ends.append(
            f"{codec} from {first[column]:.3g} at {first[names.BPPPB]:.3g} "
            f"to {last[column]:.3g} at {last[names.BPPPB]:.3g} bpppb"
        )
    told = "; ".join(ends) or "lossless points only"
    return f"{quality} over rate: {told}. All numbers are in the main table."


def _svg(figure: Figure, name: str, alt: str) -> Markup:
    """The figure as an element for an HTML page, its ids unique there."""
    buffer = io.StringIO()
    undated = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure.savefig(buffer, format="svg", metadata=undated)
    text = buffer.getvalue()
    text = text[text.index("<svg") :].strip()
    # What only stand-alone files need: HTML knows SVG's namespaces, and a style in it would leak.
    text = re.sub(r'\s+(xmlns(:\w+)?|version)="[^"]*"', "", text)
    text = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", text, flags=re.DOTALL)
    text = re.sub(r'(<svg)((?:\s+(?:width|height)="[^"]*")+)', r"\1", text)
    text = re.sub(r'(\sid="|href="#|url\(#)', rf"\g<1>{name}-", text)
    text = text.replace(_INK, "currentColor").replace(_RULE, "var(--rule)")
    return Markup(text.replace("<svg", f'<svg role="img" aria-label="{escape(alt)}"', 1))


def standalone(figures: Sequence[Markup]) -> str:
    """Figures side by side as one SVG file, dark on white."""
    width, height = (round(72 * inches) for inches in _SIZE)
    placed = [
        str(figure).replace("<svg", f'<svg x="{n * width}" width="{width}" height="{height}"', 1)
        for n, figure in enumerate(figures)
    ]
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'viewBox="0 0 {width * len(figures)} {height}" style="color: #222; --rule: #ddd">'
        f'<rect width="100%" height="100%" fill="#fff"/>{"".join(placed)}</svg>\n'
    )
