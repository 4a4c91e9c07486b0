"""BD-rate at equal IoU, for curves that may be flat, noisy or saturated.

IoU need not rise with rate. Isotonic least squares make the curves non-decreasing first (Barlow et
al., Statistical Inference under Order Restrictions, 1972). Curves are linear between points over
log rate. An IoU on a flat part is reached at the lowest rate of that part.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workflow_lib.inference.curves import (
    MIN_OCTAVES,
    SLACK,
    Curve,
    Delta,
    ordered,
    too_short,
    unusable,
)

Floats = NDArray[np.float64]


def task_bd_rate(
    anchor_rate: ArrayLike,
    anchor_iou: ArrayLike,
    test_rate: ArrayLike,
    test_iou: ArrayLike,
    baseline: float,
    top: float,
) -> Delta:
    """Mean rate of `test` relative to `anchor` at equal IoU, in percent; negative is cheaper.

    Args:
        anchor_rate, test_rate: actual rates in bpppb, [point].
        anchor_iou, test_iou: IoU, [point].
        baseline: IoU of the threshold baseline, the lower limit of the comparison.
        top: IoU on originals minus ε, the upper limit of the comparison.

    The comparison covers the IoU that both curves reach. Over it, each curve must rise for at
    least MIN_OCTAVES octaves of rate.
    """
    curves = (
        ordered(anchor_rate, np.atleast_2d(np.asarray(anchor_iou, np.float64))),
        ordered(test_rate, np.atleast_2d(np.asarray(test_iou, np.float64))),
    )
    reason = unusable(*(Curve(rate, rate) for rate, _ in curves))
    if reason:
        return Delta(None, reason)
    percent, octaves = _compare(*curves, np.array([baseline]), np.array([top]))
    reason = too_short(float(octaves[0]))
    return Delta(None, reason) if reason else Delta(float(percent[0]))


def task_bd_rate_resampled(
    anchor_rate: ArrayLike,
    anchor_iou: Floats,
    test_rate: ArrayLike,
    test_iou: Floats,
    baseline: ArrayLike,
    top: ArrayLike,
) -> Floats:
    """`task_bd_rate` of each resample in percent, float64 [resample]; nan where it is undefined.

    Args:
        anchor_rate, test_rate: actual rates in bpppb, [point].
        anchor_iou, test_iou: IoU, float64 [resample, point].
        baseline, top: one IoU for all resamples, or [resample].
    """
    found = np.full(len(anchor_iou), np.nan)
    curves = ordered(anchor_rate, anchor_iou), ordered(test_rate, test_iou)
    if unusable(*(Curve(rate, rate) for rate, _ in curves)):
        return found
    bounds = [np.broadcast_to(np.asarray(b, np.float64), found.shape) for b in (baseline, top)]
    arrays = [*(iou for _, iou in curves), *(bound[:, None] for bound in bounds)]
    rows = np.all([np.isfinite(array).all(axis=1) for array in arrays], axis=0)
    anchor, test = ((rate, iou[rows]) for rate, iou in curves)
    percent, octaves = _compare(anchor, test, bounds[0][rows], bounds[1][rows])
    found[rows] = np.where(octaves >= MIN_OCTAVES - SLACK, percent, np.nan)
    return found


def isotonic(y: Floats) -> Floats:
    """Fit a non-decreasing sequence to each row of `y` by least squares, float64 [row, point]."""
    points = y.shape[1]
    sums = np.cumsum(np.pad(y, ((0, 0), (1, 0))), axis=1)
    first, behind = np.triu_indices(points, 0)[0], np.triu_indices(points, 0)[1] + 1
    means = np.full((len(y), points, points), np.inf)
    means[:, first, behind - 1] = (sums[:, behind] - sums[:, first]) / (behind - first)
    # min–max formula: maximum over starts before the point of the minimum over ends after it
    least = np.minimum.accumulate(means[:, :, ::-1], axis=2)[:, :, ::-1]
    return np.asarray(np.diagonal(np.maximum.accumulate(least, axis=1), axis1=1, axis2=2))


def _compare(
    anchor: tuple[Floats, Floats], test: tuple[Floats, Floats], baseline: Floats, top: Floats
) -> tuple[Floats, Floats]:
    """BD-rate in percent, and octaves over which both curves rise; both [resample]."""
    curves = [(np.log2(rate), isotonic(iou)) for rate, iou in (anchor, test)]
    low = np.max([baseline, *(iou[:, 0] for _, iou in curves)], axis=0)
    high = np.min([top, *(iou[:, -1] for _, iou in curves)], axis=0)
    high = np.maximum(low, high)
    spans, means = zip(*(_inverse(*curve, low, high) for curve in curves), strict=True)
    percent = 100 * (2 ** (means[1] - means[0]) - 1)
    return percent, np.where(low < high, np.min(spans, axis=0), 0)


def _inverse(log_rate: Floats, iou: Floats, low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """Octaves over which a curve rises from `low` to `high`, and its mean log rate between them."""
    step, width = np.diff(iou, axis=1), np.diff(log_rate)
    ends = [bound[:, None].clip(iou[:, :-1], iou[:, 1:]) for bound in (low, high)]
    with np.errstate(divide="ignore", invalid="ignore"):  # flat pieces hold no IoU
        shares = [np.where(step > 0, (end - iou[:, :-1]) / step, 0) for end in ends]
        held = ends[1] - ends[0]
        middle = log_rate[:-1] + width * (shares[0] + shares[1]) / 2
        mean = (held * middle).sum(axis=1) / (high - low)
    return (width * (shares[1] - shares[0])).sum(axis=1), mean
