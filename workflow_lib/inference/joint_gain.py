"""What joint training gains over its control, at one rate."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from workflow_lib.inference.dataset_results import DatasetResults
from workflow_lib.inference.points import RatePoint
from workflow_lib.inference.replicates import Floats, Replicates

_SAME_RATE = 0.01
"""Relative difference of rates that counts as none."""

_Way = Callable[[Floats], Floats | None]
"""From the points' rates to weights, both [point], with which their IoU makes the gain."""


def joint_gain(results: DatasetResults, joint: RatePoint) -> Replicates | None:
    """IoU(joint) − IoU(control) at the actual rate of joint, paired.

    Controls on both sides of that rate are interpolated over log rate. Else the control of the same
    λ is moved by what the codec's frozen curve, linear over log rate, changes from its rate to that
    of joint.

    Which of these serves is settled once, by rates averaged over seeds, so that all seeds estimate
    the same; a seed whose own rates do not allow it has no gain.

    Returns:
        None where the frozen curve does not reach so far and the rates differ by over 1 %.
    """
    points = [joint, *results.points(joint.codec, "control"), *_frozen(results, joint.codec)]
    at = np.array([results.rate(point) for point in points])
    found = ((way, way(at)) for way in _ways(joint, points))
    way, mixture = next(((w, m) for w, m in found if m is not None), (None, None))
    if way is None or mixture is None:
        return None
    iou = [results.iou[point] for point in points]
    rates = np.stack([results.bpppb[point.coded] for point in points], axis=1)
    by_seed = np.stack([figure.by_seed for figure in iou], axis=1)
    return Replicates(
        value=float(mixture @ [figure.value for figure in iou]),
        resampled=np.stack([figure.resampled for figure in iou], axis=1) @ mixture,
        by_seed=np.array(
            [_of_seed(way(own), of_seed) for own, of_seed in zip(rates, by_seed, strict=True)]
        ),
    )


def _frozen(results: DatasetResults, codec: str) -> list[RatePoint]:
    return [p for p in results.points(codec, "frozen") if not results.lossless(p)]


def _of_seed(mixture: Floats | None, iou: Floats) -> float:
    return np.nan if mixture is None else float(mixture @ iou)


def _ways(joint: RatePoint, points: list[RatePoint]) -> tuple[_Way, ...]:
    """The ways to compare at equal rate, the most direct one first."""
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
    """Weights, [point], of the line over log rate through some points; None beyond their rates."""
    chosen = np.flatnonzero(among)[np.argsort(rates[among])]
    if not chosen.size or not rates[chosen[0]] <= target <= rates[chosen[-1]]:
        return None
    weights = np.zeros(len(rates))
    known = np.log2(rates[chosen])
    weights[chosen] = [np.interp(np.log2(target), known, unit) for unit in np.eye(len(chosen))]
    return weights
