"""Draw the report's curves as SVG in the page's colours."""

import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from workflow_lib.inference.findings import Estimate, Finding, PointFinding
from workflow_lib.paths import FINETUNED

# Okabe and Ito's colours, which suit people with colour vision deficiencies. Yellow and black are
# left out because they vanish on white or on black.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")

_SIZE = (5.4, 3.9)
"""Width and height of a figure in inches."""

# Placeholders that `_svg` replaces by the page's colours, light or dark.
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
    """Colour and marker of a codec, the same in all figures."""

    colour: str
    marker: str


@dataclass(frozen=True)
class CurveStyle:
    """Marker of a regime; an empty marker means the codec's own."""

    marker: str
    filled: bool
    size: float


_MARKERS_OF = {
    "retrained": CurveStyle("", False, 8.5),
    "mismatched": CurveStyle("x", False, 7),
    "joint": CurveStyle("*", True, 11),
    "control": CurveStyle("*", False, 11),
}


def looks(codecs: Iterable[str]) -> dict[str, Look]:
    """Assign a look to each of the study's codecs, independent of their order."""
    return {
        codec: Look(_COLOURS[n % len(_COLOURS)], _MARKERS[n % len(_MARKERS)])
        for n, codec in enumerate(sorted(codecs))
    }


@dataclass(frozen=True)
class Dot:
    """One figure, e.g. PSNR, of one codec at one rate."""

    codec: str
    bpppb: float
    value: float
    found: Estimate


def rate_distortion(points: Sequence[PointFinding], looks: Mapping[str, Look], name: str) -> Markup:
    """Draw PSNR over rate with 95 % intervals: lines for codecs, markers for fine-tuned ones.

    Lossless points are left out.

    Args:
        points: points of one dataset, see `results.coded_points`.
        looks: looks by codec.
        name: name of the figure, unique on the page.
    """
    with matplotlib.rc_context(_STYLE):
        standalone = _dots(points, ("",), "psnr")
        figure, axes = _axes(_shown(points, "psnr"), "PSNR (dB)")
        handles = [_line(axes, dots, looks[codec], codec) for codec, dots in _by_codec(standalone)]
        for regime in FINETUNED:
            handles += _marked(axes, _dots(points, (regime,), "psnr"), looks, regime)
        figure.legend(handles=handles, loc="outside lower center", ncols=4)
        return _svg(figure, name, _alternative_text("PSNR in dB", standalone))


def rate_task(finding: Finding, epsilon: float, looks: Mapping[str, Look], name: str) -> Markup:
    """Draw IoU over rate with 95 % intervals: lines for frozen, markers for other regimes.

    Horizontal lines show the IoU on originals with its interval, ε below it, and the IoU of the
    threshold baseline. Lossless points are left out.

    Args:
        finding: findings on one dataset and segmenter.
        epsilon: the IoU that a map may lose.
        looks: looks by codec.
        name: name of the figure, unique on the page.
    """
    with matplotlib.rc_context(_STYLE):
        lossy = [point for point in finding.points if point.psnr.value is not None]
        frozen = _dots(lossy, ("frozen",), "iou")
        figure, axes = _axes(_shown(lossy, "iou"), "IoU")
        handles = _levels(axes, finding, epsilon)
        lines = [
            _line(axes, dots, looks[codec], f"{codec}, frozen") for codec, dots in _by_codec(frozen)
        ]
        for regime in _MARKERS_OF:
            lines += _marked(axes, _dots(lossy, (regime,), "iou"), looks, regime)
        figure.legend(handles=lines + handles, loc="outside lower center", ncols=3)
        return _svg(figure, name, _alternative_text("IoU of frozen segmenters", frozen))


def _dots(points: Iterable[PointFinding], regimes: Sequence[str], quality: str) -> list[Dot]:
    """Defined figures of some regimes, sorted by rate."""
    dots = [
        Dot(point.codec, point.bpppb, found.value, found)
        for point in points
        for found in [getattr(point, quality)]
        if point.regime in regimes and found.value is not None
    ]
    return sorted(dots, key=lambda dot: dot.bpppb)


def _shown(points: Iterable[PointFinding], quality: str) -> list[float]:
    return [p.bpppb for p in points if getattr(p, quality).value is not None]


def _by_codec(dots: Iterable[Dot]) -> list[tuple[str, list[Dot]]]:
    grouped: dict[str, list[Dot]] = {}
    for dot in dots:
        grouped.setdefault(dot.codec, []).append(dot)
    return sorted(grouped.items())


def _axes(rates: Sequence[float], quality: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=_SIZE, layout="constrained", facecolor="none")
    axes = figure.subplots()
    low, high = min(rates, default=1.0) / 1.6, max(rates, default=1.0) * 1.6
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


def _line(axes: Axes, dots: list[Dot], look: Look, label: str) -> Line2D:
    _bars(axes, dots, look)
    (line,) = axes.plot(
        [dot.bpppb for dot in dots],
        [dot.value for dot in dots],
        color=look.colour,
        marker=look.marker,
        label=label,
    )
    return line


def _marked(axes: Axes, dots: list[Dot], looks: Mapping[str, Look], regime: str) -> list[Line2D]:
    """Draw markers in the codecs' colours; return a legend entry if there are any."""
    style = _MARKERS_OF[regime]
    for dot in dots:
        look = looks[dot.codec]
        _bars(axes, [dot], look)
        face = look.colour if style.filled else "none"
        axes.plot(
            [dot.bpppb],
            [dot.value],
            linestyle="",
            marker=style.marker or look.marker,
            markerfacecolor=face,
            markeredgecolor=look.colour,
            markeredgewidth=1.4,
            markersize=style.size,
        )
    face = _INK if style.filled else "none"
    marker = style.marker or "o"
    handle = Line2D([], [], ls="", marker=marker, mfc=face, mec=_INK, ms=style.size, label=regime)
    return [handle] if dots else []


def _bars(axes: Axes, dots: Iterable[Dot], look: Look) -> None:
    """Draw the intervals of dots that have one."""
    for dot in dots:
        if dot.found.low is not None and dot.found.high is not None:
            ends = [dot.found.low, dot.found.high]
            axes.plot(
                [dot.bpppb] * 2, ends, color=look.colour, lw=1.1, alpha=0.55, marker="_", ms=5
            )


def _levels(axes: Axes, finding: Finding, epsilon: float) -> list[Line2D]:
    """Draw the IoU on originals, ε below it, and the IoU of the threshold baseline."""
    ceiling, baseline = finding.ceiling, finding.baseline.value
    if ceiling.low is not None and ceiling.high is not None:
        axes.axhspan(ceiling.low, ceiling.high, color=_INK, alpha=0.09, lw=0)
    levels = [] if baseline is None else [(baseline, "threshold baseline", ":")]
    if ceiling.value is not None:
        levels.insert(0, (ceiling.value, "on originals", "-"))
        levels.insert(1, (ceiling.value - epsilon, f"ε = {epsilon:g} below", "--"))
    return [
        axes.axhline(value, color=_INK, lw=0.7 if dashes == "--" else 1.1, ls=dashes, label=label)
        for value, label, dashes in levels
    ]


def _alternative_text(quality: str, dots: Sequence[Dot]) -> str:
    """Describe the figure for readers who cannot see it."""
    ends = [
        f"{codec} from {own[0].value:.3g} at {own[0].bpppb:.3g} "
        f"to {own[-1].value:.3g} at {own[-1].bpppb:.3g} bpppb"
        for codec, own in _by_codec(dots)
    ]
    curves = "; ".join(ends) or "lossless points only"
    return f"{quality} over rate: {curves}. The tables give all numbers and intervals."


def _svg(figure: Figure, name: str, alt: str) -> Markup:
    """Convert a figure to an SVG element for an HTML page, with ids unique on the page."""
    buffer = io.StringIO()
    undated = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure.savefig(buffer, format="svg", metadata=undated)
    text = buffer.getvalue()
    text = text[text.index("<svg") :].strip()
    # drop what only stand-alone files need: namespaces and a style that would affect the page
    text = re.sub(r'\s+(xmlns(:\w+)?|version)="[^"]*"', "", text)
    text = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", text, flags=re.DOTALL)
    text = re.sub(r'(<svg)((?:\s+(?:width|height)="[^"]*")+)', r"\1", text)
    text = re.sub(r'(\sid="|href="#|url\(#)', rf"\g<1>{name}-", text)
    text = text.replace(_INK, "currentColor").replace(_RULE, "var(--rule)")
    return Markup(text.replace("<svg", f'<svg role="img" aria-label="{escape(alt)}"', 1))


def standalone(figures: Sequence[Markup]) -> str:
    """Join figures side by side into one SVG file, dark on white."""
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
