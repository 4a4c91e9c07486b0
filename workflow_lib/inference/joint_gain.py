"""Gain of joint training over its control, at equal rate."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from workflow_lib.inference.dataset_results import DatasetResults
from workflow_lib.inference.points import RatePoint
from workflow_lib.inference.replicates import Floats, Replicates

_SAME_RATE = 0.01
"""Relative difference up to which two rates count as equal."""

_Method = Callable[[Floats], Floats | None]
"""Maps rates, [point], to weights, [point]; the gain is the weighted sum of the points' IoU."""


def joint_gain(results: DatasetResults, joint: RatePoint) -> Replicates | None:
    """Estimate IoU(joint) − IoU(control) at the actual rate of joint, paired.

    The first applicable method is used:

    1. Interpolate between controls with rates on both sides, linearly over log rate.
    2. Take the control of the same λ. Add the change of the codec's frozen curve from the
       control's rate to that of joint. The frozen curve is linear over log rate.
    3. Take the control of the same λ if the rates differ by at most 1 %.

    Rates averaged over seeds decide the method, so that all seeds estimate the same quantity. A
    seed whose own rates do not allow that method has an undefined gain.

    Args:
        results: results of the dataset and segmenter.
        joint: a jointly trained point.

    Returns:
        The gain, or None if no method applies.
    """
    points = [joint, *results.points(joint.codec, "control"), *_frozen(results, joint.codec)]
    at = np.array([results.rate(point) for point in points])
    found = ((method, method(at)) for method in _methods(joint, points))
    usable = ((method, weights) for method, weights in found if weights is not None)
    method, weights = next(usable, (None, None))
    if method is None or weights is None:
        return None
    iou = [results.iou[point] for point in points]
    rates = np.stack([results.bpppb[point.coded] for point in points], axis=1)
    by_seed = np.stack([figure.by_seed for figure in iou], axis=1)
    return Replicates(
        value=float(weights @ [figure.value for figure in iou]),
        resampled=np.stack([figure.resampled for figure in iou], axis=1) @ weights,
        by_seed=np.array(
            [_of_seed(method(own), of_seed) for own, of_seed in zip(rates, by_seed, strict=True)]
        ),
    )


def _frozen(results: DatasetResults, codec: str) -> list[RatePoint]:
    return [p for p in results.points(codec, "frozen") if not results.lossless(p)]


def _of_seed(weights: Floats | None, iou: Floats) -> float:
    return np.nan if weights is None else float(weights @ iou)


def _methods(joint: RatePoint, points: list[RatePoint]) -> tuple[_Method, ...]:
    """Methods to compare at equal rate, in order of preference."""
    controls = np.array([point.regime == "control" for point in points])
    frozen = np.array([point.regime == "frozen" for point in points])
    own = points.index(joint._replace(regime="control"))
    gain = np.eye(len(points))[0]
    control = np.eye(len(points))[own]

    def between_controls(rates: Floats) -> Floats | None:
        bracketed = _interpolation(rates[0], rates, controls)
        return None if bracketed is None else np.asarray(gain - bracketed)

    def along_frozen(rates: Floats) -> Floats | None:
        to, since = (_interpolation(rates[place], rates, frozen) for place in (0, own))
        return None if to is None or since is None else np.asarray(gain - control - (to - since))

    def at_same_rate(rates: Floats) -> Floats | None:
        return np.asarray(gain - control) if abs(rates[0] / rates[own] - 1) <= _SAME_RATE else None

    return between_controls, along_frozen, at_same_rate


def _interpolation(target: float, rates: Floats, among: NDArray[np.bool_]) -> Floats | None:
    """Weights, [point], that interpolate some points linearly over log rate at a target rate.

    None if the target is outside their rates.
    """
    chosen = np.flatnonzero(among)[np.argsort(rates[among])]
    if not chosen.size or not rates[chosen[0]] <= target <= rates[chosen[-1]]:
        return None
    weights = np.zeros(len(rates))
    known = np.log2(rates[chosen])
    weights[chosen] = [np.interp(np.log2(target), known, unit) for unit in np.eye(len(chosen))]
    return weights
