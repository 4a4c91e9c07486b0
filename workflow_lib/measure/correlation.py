"""Correlation length of labels, the least size of independent spatial blocks."""

import math

import numpy as np
from numpy.typing import NDArray

from workflow_lib.data.pixel_values import IGNORE
from workflow_lib.data.tiles import Tiles
from workflow_lib.segmentation.labels import scored_label

_THRESHOLD = math.exp(-1)

Floats = NDArray[np.float64]


def correlation_length(tiles: Tiles) -> float:
    """Find the lag, in pixels, at which the labels' autocorrelation falls below 1/e.

    The autocorrelation uses pairs of labelled pixels in one scene, along rows and along columns.
    Deviations are taken from the mean of all scenes. Hence a scene with only one class is fully
    correlated. The crossing is interpolated linearly between two lags.

    Args:
        tiles: labelled tiles of any number of scenes.

    Returns:
        0 if fewer than two classes are labelled. The longest side of any scene if the
        autocorrelation never falls below 1/e.
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
    """Place the labels of one scene's tiles on a grid, [y, x]; 255 where there is no tile."""
    side = tiles.label.shape[1]
    rows, cols = tiles.row - tiles.row.min(), tiles.col - tiles.col.min()
    grid = np.full((rows.max() + 1, cols.max() + 1, side, side), float(IGNORE))
    grid[rows, cols] = scored_label(tiles)
    return grid.swapaxes(1, 2).reshape(len(grid) * side, -1)


def _autoproduct(field: Floats) -> Floats:
    """Sum field(x) · field(x + lag) over x and over the rows of field [row, x]; [lag]."""
    from scipy.fft import irfft, next_fast_len, rfft

    size = field.shape[1]
    padded = next_fast_len(2 * size, real=True)  # padding keeps rows from wrapping
    power = (np.abs(rfft(field, padded, axis=1)) ** 2).sum(axis=0)
    return np.asarray(irfft(power, padded)[:size])


def _crossing(lag: NDArray[np.intp], correlation: Floats, longest: int) -> float:
    below = np.flatnonzero(correlation < _THRESHOLD)
    if not below.size:
        return float(longest)
    after, before = below[0], below[0] - 1
    share = (correlation[before] - _THRESHOLD) / (correlation[before] - correlation[after])
    return float(lag[before] + share * (lag[after] - lag[before]))
