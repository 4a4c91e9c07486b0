"""The threshold that makes the best map, from two histograms."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEVELS = 1 << 16
"""Values that a thresholded quantity can take: 0 to LEVELS − 1."""


@dataclass(frozen=True)
class Cut:
    """A map by one threshold.

    Attributes:
        threshold: a level.
        above: whether the map is positive above the threshold or else at and below it.
        iou: intersection over union on the pixels that it was chosen on.
    """

    threshold: int
    above: bool
    iou: float


def best_cuts(positive: NDArray[np.integer], negative: NDArray[np.integer]) -> tuple[Cut, Cut]:
    """The thresholds of best pooled IoU, for a map that is positive above and one at and below.

    Of several equally good thresholds the middle one is taken.

    Args:
        positive: levels of the pixels of the class looked for, [pixel]; at least one.
        negative: levels of all other pixels that count, [pixel].
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
