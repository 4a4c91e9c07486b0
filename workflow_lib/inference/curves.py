"""Bjøntegaard differences between rate–distortion or rate–task curves.

G. Bjøntegaard, "Calculation of average PSNR differences between RD-curves", VCEG-M33, 2001, with
piecewise cubic Hermite interpolation over log rate: F. N. Fritsch and J. Butland, "A method for
constructing local monotone piecewise cubic interpolants", SIAM J. Sci. Stat. Comput. 5:300–304,
1984. SciPy's PchipInterpolator takes one set of abscissae for all its curves. Where rate is
interpolated over quality, every resample has its own abscissae: `MonotoneCubic` handles these.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

MIN_POINTS = 4
"""Least number of points of a curve."""
MIN_OCTAVES = 2.0
"""Least overlap of two curves, in octaves of rate."""
SLACK = 1e-9
"""Tolerance of that overlap for rounding, in octaves."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Curve:
    """Quality of a codec over its rate, sorted by rate, without lossless points.

    Attributes:
        rate: actual rates in bpppb, float64 [point].
        quality: e.g. PSNR in dB or IoU, float64 [point].
    """

    rate: Floats
    quality: Floats

    @classmethod
    def of(cls, rate: ArrayLike, quality: ArrayLike) -> Self:
        """Build a curve from points in any order, without duplicates and infinite points."""
        points = np.stack([np.asarray(rate, np.float64), np.asarray(quality, np.float64)], axis=1)
        points = np.unique(points[np.isfinite(points).all(axis=1)], axis=0)
        return cls(points[:, 0], points[:, 1])


@dataclass(frozen=True)
class Delta:
    """Difference between a curve and its anchor.

    Attributes:
        value: the difference; None if it is undefined.
        reason: why it is undefined, else empty.
    """

    value: float | None
    reason: str = ""


def bd_quality(anchor: Curve, test: Curve) -> Delta:
    """Mean quality of `test` minus `anchor` over their common log rates: BD-PSNR, BD-IoU.

    Quality need not rise with rate. The result has the unit of the curves.
    """
    from bjontegaard import bd_psnr

    reason = unusable(anchor, test) or too_short(_octaves(_common(anchor.rate, test.rate)))
    if reason:
        return Delta(None, reason)
    value = bd_psnr(
        anchor.rate, anchor.quality, test.rate, test.quality, "pchip", False, min_overlap=0
    )
    return Delta(float(value))


def bd_rate(anchor: Curve, test: Curve) -> Delta:
    """Mean rate of `test` relative to `anchor` at equal quality, in percent; negative is cheaper.

    Quality must rise with rate. Over the common range of quality, each curve must span at least
    MIN_OCTAVES octaves of rate.
    """
    from bjontegaard import bd_rate as percent

    reason = unusable(anchor, test) or _falling(anchor, test) or too_short(_shared(anchor, test))
    if reason:
        return Delta(None, reason)
    value = percent(
        anchor.rate, anchor.quality, test.rate, test.quality, "pchip", False, min_overlap=0
    )
    return Delta(float(value))


def bd_quality_resampled(
    anchor_rate: ArrayLike, anchor_quality: Floats, test_rate: ArrayLike, test_quality: Floats
) -> Floats:
    """`bd_quality` of each resample, float64 [resample]; nan where it is undefined.

    Args:
        anchor_rate, test_rate: actual rates in bpppb, [point].
        anchor_quality, test_quality: quality, float64 [resample, point]. Points whose quality is
            finite in no resample (lossless points) are left out.
    """
    from scipy.interpolate import PchipInterpolator

    found = np.full(len(anchor_quality), np.nan)
    curves = ordered(anchor_rate, anchor_quality), ordered(test_rate, test_quality)
    if unusable(*(Curve(rate, rate) for rate, _ in curves)):
        return found
    usable = np.all([np.isfinite(quality).all(axis=1) for _, quality in curves], axis=0)
    common = _common(curves[0][0], curves[1][0])
    if too_short(_octaves(common)) or not usable.any():
        return found
    low, high = np.log2(common)
    anchor, test = (
        PchipInterpolator(np.log2(rate), quality[usable], axis=1).integrate(low, high)
        for rate, quality in curves
    )
    found[usable] = (test - anchor) / (high - low)
    return found


def bd_rate_resampled(
    anchor_rate: ArrayLike, anchor_quality: Floats, test_rate: ArrayLike, test_quality: Floats
) -> Floats:
    """`bd_rate` of each resample in percent, float64 [resample]; nan where it is undefined.

    Args:
        anchor_rate, test_rate, anchor_quality, test_quality: as for `bd_quality_resampled`.
    """
    found = np.full(len(anchor_quality), np.nan)
    curves = ordered(anchor_rate, anchor_quality), ordered(test_rate, test_quality)
    if unusable(*(Curve(rate, rate) for rate, _ in curves)):
        return found
    rows = np.all([_rises(quality) for _, quality in curves], axis=0)
    low = np.max([quality[:, 0] for _, quality in curves], axis=0)
    high = np.min([quality[:, -1] for _, quality in curves], axis=0)
    rows[rows] = low[rows] < high[rows]
    low, high = low[rows], high[rows]
    anchor, test = (
        MonotoneCubic(quality[rows], np.broadcast_to(np.log2(rate), quality[rows].shape))
        for rate, quality in curves
    )
    spans = [curve.at(high) - curve.at(low) for curve in (anchor, test)]
    percent = 100 * (2 ** (test.mean(low, high) - anchor.mean(low, high)) - 1)
    found[rows] = np.where(np.min(spans, axis=0) >= MIN_OCTAVES - SLACK, percent, np.nan)
    return found


def ordered(rate: ArrayLike, quality: Floats) -> tuple[Floats, Floats]:
    """Sort the points of many curves by rate.

    Duplicates are dropped if they agree in every resample. Points that are finite in no resample
    are dropped as well.

    Returns:
        Rates, float64 [point], and qualities, float64 [resample, point].
    """
    points = np.vstack([np.asarray(rate, np.float64), quality])
    points = np.unique(points[:, np.isfinite(quality).any(axis=0)], axis=1)
    return points[0], points[1:]


def _rises(quality: Floats) -> NDArray[np.bool_]:
    with np.errstate(invalid="ignore"):  # between infinite points
        steps = np.diff(quality, axis=1)
    return np.asarray((np.isfinite(quality[:, 1:]) & (steps > 0)).all(axis=1))


def unusable(*curves: Curve) -> str:
    """Say why the rates of an anchor and a test curve allow no comparison, else empty."""
    for name, curve in zip(("anchor", "test"), curves, strict=True):
        if len(curve.rate) < MIN_POINTS:
            return f"the {name} curve has {len(curve.rate)} lossy points, needs {MIN_POINTS}"
        if curve.rate[0] <= 0:
            return f"the {name} curve has a rate of {curve.rate[0]:g}"
        if (np.diff(curve.rate) <= 0).any():
            return f"the {name} curve has two qualities at one rate"
    return ""


def _falling(*curves: Curve) -> str:
    for name, curve in zip(("anchor", "test"), curves, strict=True):
        if (np.diff(curve.quality) <= 0).any():
            return f"the {name} curve's quality does not rise with its rate"
    return ""


def too_short(octaves: float) -> str:
    """Say why an overlap is too short, else empty."""
    if octaves >= MIN_OCTAVES - SLACK:
        return ""
    if octaves <= 0:
        return "the curves do not overlap"
    return f"the curves overlap by {octaves:.2f} octaves of rate, {MIN_OCTAVES:g} are needed"


def _common(a: Floats, b: Floats) -> tuple[float, float]:
    return float(max(a.min(), b.min())), float(min(a.max(), b.max()))


def _octaves(rates: tuple[float, float]) -> float:
    return float(np.log2(rates[1] / rates[0]))


def _shared(anchor: Curve, test: Curve) -> float:
    """Octaves of rate that both curves span over their common range of quality."""
    from scipy.interpolate import PchipInterpolator

    low, high = _common(anchor.quality, test.quality)
    if low >= high:
        return 0.0
    spans = []
    for curve in (anchor, test):
        log_rate = PchipInterpolator(curve.quality, np.log2(curve.rate))
        spans.append(float(log_rate(high) - log_rate(low)))
    return min(spans)


@dataclass(frozen=True)
class MonotoneCubic:
    """Monotone piecewise cubic curves through at least three points each.

    Attributes:
        x, y: float64 [curve, point], strictly rising along the points.
    """

    x: Floats
    y: Floats

    def at(self, x: Floats) -> Floats:
        """Evaluate each curve at its own abscissa, float64 [curve], within its points."""
        y, _, t = self.y[:, :-1], self._steps, self._within(x)
        step = np.diff(self.y)
        left, right = self._slopes
        cubic = t**2 * (3 - 2 * t) * step + t * (1 - t) * ((1 - t) * left - t * right)
        return np.asarray(y[:, 0] + cubic.sum(axis=1))

    def mean(self, low: Floats, high: Floats) -> Floats:
        """Mean of each curve between its own two abscissae, float64 [curve]."""
        area = (self._steps * (self._area(high) - self._area(low))).sum(axis=1)
        return np.asarray(area / (high - low))

    @cached_property
    def _steps(self) -> Floats:
        return np.diff(self.x)

    @cached_property
    def _slopes(self) -> tuple[Floats, Floats]:
        """Slopes at the left and right end of each piece, times the width of the piece."""
        h = self._steps
        m = np.diff(self.y) / h
        before, after = h[:, :-1] + 2 * h[:, 1:], 2 * h[:, :-1] + h[:, 1:]
        inner = (before + after) / (before / m[:, :-1] + after / m[:, 1:])
        slopes = np.column_stack([_end(h, m), inner, _end(h[:, ::-1], m[:, ::-1])])
        return slopes[:, :-1] * h, slopes[:, 1:] * h

    def _within(self, x: Floats) -> Floats:
        """Position of an abscissa in each piece, from 0 (at or before its start) to 1."""
        return np.asarray(((x[:, None] - self.x[:, :-1]) / self._steps).clip(0, 1))

    def _area(self, x: Floats) -> Floats:
        """Area under each piece up to an abscissa, divided by the width of the piece."""
        t = self._within(x)
        left, right = self._slopes
        return np.asarray(
            self.y[:, :-1] * t
            + np.diff(self.y) * (t**3 - t**4 / 2)
            + left * (t**2 / 2 - 2 * t**3 / 3 + t**4 / 4)
            + right * (t**4 / 4 - t**3 / 3)
        )


def _end(h: Floats, m: Floats) -> Floats:
    """Slope at the first point of the parabola through three points, at least 0."""
    slope = ((2 * h[:, 0] + h[:, 1]) * m[:, 0] - h[:, 0] * m[:, 1]) / (h[:, 0] + h[:, 1])
    return np.asarray(slope.clip(min=0))
