"""Differences between rate–distortion and rate–task curves, after Bjøntegaard.

G. Bjøntegaard, "Calculation of average PSNR differences between RD-curves", VCEG-M33, 2001, with
piecewise cubic Hermite interpolation over log rate.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

MIN_POINTS = 4
"""Points that a curve needs."""
MIN_OCTAVES = 2.0
"""Octaves of rate over which two curves must overlap."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Curve:
    """A codec's quality over its rate, by rising rate; lossless points are left out.

    Attributes:
        rate: actual rates in bpppb, float64 [point].
        quality: PSNR in dB, IoU or the like, float64 [point].
    """

    rate: Floats
    quality: Floats

    @classmethod
    def of(cls, rate: ArrayLike, quality: ArrayLike) -> Self:
        """The curve through points in any order; points that repeat another are dropped."""
        points = np.stack([np.asarray(rate, np.float64), np.asarray(quality, np.float64)], axis=1)
        points = np.unique(points[np.isfinite(points).all(axis=1)], axis=0)
        return cls(points[:, 0], points[:, 1])


@dataclass(frozen=True)
class Delta:
    """How a curve differs from its anchor.

    Attributes:
        value: the difference; None where the curves do not allow one.
        reason: why there is none, else empty.
    """

    value: float | None
    reason: str = ""


def bd_quality(anchor: Curve, test: Curve) -> Delta:
    """Mean quality of `test` minus `anchor` over their common log rates: BD-PSNR, BD-IoU.

    Quality need not rise with rate. The unit is that of the curves.
    """
    from bjontegaard import bd_psnr

    reason = _unusable(anchor, test) or _too_short(_octaves(_common(anchor.rate, test.rate)))
    if reason:
        return Delta(None, reason)
    value = bd_psnr(
        anchor.rate, anchor.quality, test.rate, test.quality, "pchip", False, min_overlap=0
    )
    return Delta(float(value))


def bd_rate(anchor: Curve, test: Curve) -> Delta:
    """Mean rate of `test` relative to `anchor` at equal quality, in percent; negative is cheaper.

    Quality must rise with rate, and over the common qualities each curve must span the octaves
    of rate that an overlap needs.
    """
    from bjontegaard import bd_rate as percent

    reason = _unusable(anchor, test) or _falling(anchor, test) or _too_short(_shared(anchor, test))
    if reason:
        return Delta(None, reason)
    value = percent(
        anchor.rate, anchor.quality, test.rate, test.quality, "pchip", False, min_overlap=0
    )
    return Delta(float(value))


def _unusable(*curves: Curve) -> str:
    for name, curve in zip(("anchor", "test"), curves, strict=True):
        if len(curve.rate) < MIN_POINTS:
            return f"the {name} curve has {len(curve.rate)} lossy points, {MIN_POINTS} are needed"
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


def _too_short(octaves: float) -> str:
    if octaves >= MIN_OCTAVES - 1e-9:
        return ""
    if octaves <= 0:
        return "the curves do not overlap"
    return f"the curves overlap over {octaves:.2f} octaves of rate, {MIN_OCTAVES:g} are needed"


def _common(a: Floats, b: Floats) -> tuple[float, float]:
    return float(max(a.min(), b.min())), float(min(a.max(), b.max()))


def _octaves(rates: tuple[float, float]) -> float:
    return float(np.log2(rates[1] / rates[0]))


def _shared(anchor: Curve, test: Curve) -> float:
    """Octaves of rate that the shorter of the two spans over the common qualities."""
    from scipy.interpolate import PchipInterpolator

    low, high = _common(anchor.quality, test.quality)
    if low >= high:
        return 0.0
    spans = []
    for curve in (anchor, test):
        log_rate = PchipInterpolator(curve.quality, np.log2(curve.rate))
        spans.append(float(log_rate(high) - log_rate(low)))
    return min(spans)
