"""How far labels resemble themselves: what spatial blocks must be larger than."""

import math

import numpy as np
from numpy.typing import NDArray

from workflow_lib.data.pixel_values import IGNORE
from workflow_lib.data.tiles import Tiles
from workflow_lib.segmentation.labels import scored_label

_FALLEN = math.exp(-1)

Floats = NDArray[np.float64]


def correlation_length(tiles: Tiles) -> float:
    """Lag, in pixels, at which the labels' autocorrelation falls below 1/e.

    Pairs of labelled pixels of one scene, along rows and along columns, about the mean of all
    scenes: scenes of one class only count as alike from end to end. Between two lags it is linear.

    Returns:
        0 where fewer than two classes are labelled; the largest scene's side where it never falls
        so far.
    """
    scenes = [_mosaic(tiles.of_scene(str(scene))) for scene in np.unique(tiles.scene)]
    values = np.concatenate([label[label != IGNORE] for label in scenes] or [np.zeros(0)])
    if not values.size or values.min() == values.max():
        return 0.0
    longest = max(max(label.shape) for label in scenes)
    products, pairs = np.zeros(longest), np.zeros(longest)
    for label in scenes:
        labelled = label != IGNORE
        deviation = np.where(labelled, label - values.mean(), 0.0)
        for values_along, mask_along in ((deviation, labelled), (deviation.T, labelled.T)):
            lags = mask_along.shape[1]
            products[:lags] += _autoproduct(values_along)
            pairs[:lags] += np.rint(_autoproduct(mask_along.astype(np.float64)))
    seen = np.flatnonzero(pairs)
    return _crossing(seen, products[seen] / pairs[seen] / values.var(), longest)


def _mosaic(tiles: Tiles) -> NDArray[np.float64]:
    """The labels of one scene's tiles in their places, [y, x]; 255 elsewhere."""
    side = tiles.label.shape[1]
    rows, cols = tiles.row - tiles.row.min(), tiles.col - tiles.col.min()
    grid = np.full((rows.max() + 1, cols.max() + 1, side, side), float(IGNORE))
    grid[rows, cols] = scored_label(tiles)
    return grid.swapaxes(1, 2).reshape(len(grid) * side, -1)


def _autoproduct(field: Floats) -> Floats:
    """Sum over the rows of field [row, x] of field(x) · field(x + lag), [lag]."""
    from scipy.fft import irfft, next_fast_len, rfft

    size = field.shape[1]
    padded = next_fast_len(2 * size, real=True)  # no row wraps into itself
    power = (np.abs(rfft(field, padded, axis=1)) ** 2).sum(axis=0)
    return np.asarray(irfft(power, padded)[:size])


def _crossing(lag: NDArray[np.intp], correlation: Floats, longest: int) -> float:
    below = np.flatnonzero(correlation < _FALLEN)
    if not below.size:
        return float(longest)
    after, before = below[0], below[0] - 1
    share = (correlation[before] - _FALLEN) / (correlation[before] - correlation[after])
    return float(lag[before] + share * (lag[after] - lag[before]))
