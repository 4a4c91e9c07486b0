"""Monotone cubic curves, each with its own abscissae, many at once.

SciPy's PchipInterpolator takes one set of abscissae for all its curves; where rate is interpolated
over quality, every resample has its own. F. N. Fritsch and J. Butland, "A method for constructing
local monotone piecewise cubic interpolants", SIAM J. Sci. Stat. Comput. 5:300–304, 1984.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Rising:
    """Curves through at least three points that rise in both coordinates.

    Attributes:
        x, y: float64 [curve, point], strictly rising along the points.
    """

    x: Floats
    y: Floats

    def at(self, x: Floats) -> Floats:
        """Each curve's value at a place of its own, float64 [curve], within its points."""
        y, _, t = self.y[:, :-1], self._steps, self._within(x)
        step = np.diff(self.y)
        left, right = self._slopes
        cubic = t**2 * (3 - 2 * t) * step + t * (1 - t) * ((1 - t) * left - t * right)
        return np.asarray(y[:, 0] + cubic.sum(axis=1))

    def mean(self, low: Floats, high: Floats) -> Floats:
        """Each curve's mean between two places of its own, float64 [curve]."""
        area = (self._steps * (self._area(high) - self._area(low))).sum(axis=1)
        return np.asarray(area / (high - low))

    @cached_property
    def _steps(self) -> Floats:
        return np.diff(self.x)

    @cached_property
    def _slopes(self) -> tuple[Floats, Floats]:
        """Slopes at the left and right end of each piece, times its width."""
        h = self._steps
        m = np.diff(self.y) / h
        before, after = h[:, :-1] + 2 * h[:, 1:], 2 * h[:, :-1] + h[:, 1:]
        inner = (before + after) / (before / m[:, :-1] + after / m[:, 1:])
        slopes = np.column_stack([_end(h, m), inner, _end(h[:, ::-1], m[:, ::-1])])
        return slopes[:, :-1] * h, slopes[:, 1:] * h

    def _within(self, x: Floats) -> Floats:
        """Where a place lies in each piece: 0 before it, 1 behind it."""
        return np.asarray(((x[:, None] - self.x[:, :-1]) / self._steps).clip(0, 1))

    def _area(self, x: Floats) -> Floats:
        """Area under each piece up to a place, over the piece's width."""
        t = self._within(x)
        left, right = self._slopes
        return np.asarray(
            self.y[:, :-1] * t
            + np.diff(self.y) * (t**3 - t**4 / 2)
            + left * (t**2 / 2 - 2 * t**3 / 3 + t**4 / 4)
            + right * (t**4 / 4 - t**3 / 3)
        )


def _end(h: Floats, m: Floats) -> Floats:
    """Slope at the first point: the parabola's through three points, unless it falls there."""
    slope = ((2 * h[:, 0] + h[:, 1]) * m[:, 0] - h[:, 0] * m[:, 1]) / (h[:, 0] + h[:, 1])
    return np.asarray(slope.clip(min=0))
