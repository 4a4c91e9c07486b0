"""What joint training gains over its control, at one rate."""

import numpy as np
from numpy.typing import NDArray

from workflow_lib.metrics.evidence import Evidence
from workflow_lib.metrics.points import Point
from workflow_lib.metrics.replicates import Floats, Replicates

_SAME_RATE = 0.01
"""Relative difference of rates that counts as none."""


def joint_gain(evidence: Evidence, joint: Point) -> Replicates | None:
    """IoU(joint) − IoU(control) at the actual rate of joint, paired.

    Controls on both sides of that rate are interpolated over log rate. Else the control of the same
    λ is moved by what the codec's frozen curve, linear over log rate, changes from its rate to that
    of joint.

    Returns:
        None where the frozen curve does not reach so far and the rates differ by over 1 %.
    """
    points = [joint, *evidence.points(joint.codec, "control"), *_frozen(evidence, joint.codec)]
    mixture = _mixture(joint, points, np.array([evidence.rate(p) for p in points]))
    if mixture is None:
        return None
    iou = [evidence.iou[point] for point in points]
    rates = np.stack([evidence.bpppb[point.coded] for point in points], axis=1)
    by_seed = np.stack([figure.by_seed for figure in iou], axis=1)
    return Replicates(
        value=float(mixture @ [figure.value for figure in iou]),
        resampled=np.stack([figure.resampled for figure in iou], axis=1) @ mixture,
        by_seed=np.array(
            [_of_seed(joint, points, *of_seed) for of_seed in zip(rates, by_seed, strict=True)]
        ),
    )


def _frozen(evidence: Evidence, codec: str) -> list[Point]:
    return [p for p in evidence.points(codec, "frozen") if not evidence.lossless(p)]


def _of_seed(joint: Point, points: list[Point], rates: Floats, iou: Floats) -> float:
    mixture = _mixture(joint, points, rates)
    return np.nan if mixture is None else float(mixture @ iou)


def _mixture(joint: Point, points: list[Point], rates: Floats) -> Floats | None:
    """Weights, [point], with which the points' IoU makes the gain; they depend on rates alone."""
    controls = np.array([point.regime == "control" for point in points])
    frozen = np.array([point.regime == "frozen" for point in points])
    target, own = rates[0], points.index(joint._replace(regime="control"))
    gain = np.eye(len(points))[0]
    bracketed = _interpolation(target, rates, controls)
    if bracketed is not None:
        return np.asarray(gain - bracketed)
    to, since = _interpolation(target, rates, frozen), _interpolation(rates[own], rates, frozen)
    control = np.eye(len(points))[own]
    if to is not None and since is not None:
        return np.asarray(gain - control - (to - since))
    return np.asarray(gain - control) if abs(target / rates[own] - 1) <= _SAME_RATE else None


def _interpolation(target: float, rates: Floats, among: NDArray[np.bool_]) -> Floats | None:
    """Weights, [point], of the line over log rate through some points; None beyond their rates."""
    chosen = np.flatnonzero(among)[np.argsort(rates[among])]
    if not chosen.size or not rates[chosen[0]] <= target <= rates[chosen[-1]]:
        return None
    weights = np.zeros(len(rates))
    known = np.log2(rates[chosen])
    weights[chosen] = [np.interp(np.log2(target), known, unit) for unit in np.eye(len(chosen))]
    return weights
