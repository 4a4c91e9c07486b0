"""Find the threshold with the best IoU from the histograms of two classes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEVELS = 1 << 16
"""Number of levels of a thresholded quantity: 0 to LEVELS − 1."""


@dataclass(frozen=True)
class Cut:
    """A threshold and the IoU of its map.

    Attributes:
        threshold: a level, 0 to LEVELS − 1.
        above: True: pixels above the threshold are positive; False: pixels at or below it are.
        iou: intersection over union on the pixels on which the threshold was chosen.
    """

    threshold: int
    above: bool
    iou: float


def best_cuts(positive: NDArray[np.integer], negative: NDArray[np.integer]) -> tuple[Cut, Cut]:
    """Find the thresholds with the best pooled IoU.

    If several thresholds are equally good, the middle one is chosen.

    Args:
        positive: levels of the pixels of the positive class, [pixel]; at least one.
        negative: levels of all other scored pixels, [pixel].

    Returns:
        The best threshold of a map that is positive above it, and of one positive at or below it.
    """
    tp = np.cumsum(np.bincount(positive, minlength=LEVELS))
    fp = np.cumsum(np.bincount(negative, minlength=LEVELS))
    total = tp[-1]
    below = tp / (total + fp)
    above = (total - tp) / (total + fp[-1] - fp)
    return _middle_best(above, True), _middle_best(below, False)


def _middle_best(iou: NDArray[np.float64], above: bool) -> Cut:
    best = np.flatnonzero(iou == iou.max())
    chosen = int(best[len(best) // 2])
    return Cut(chosen, above, float(iou[chosen]))
