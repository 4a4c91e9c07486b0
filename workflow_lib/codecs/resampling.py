"""Between the common grid and the coarser one on which the sensor took a band."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array
from scipy.sparse.linalg import splu

Floats = NDArray[np.float64]


def native_side(side: int, factor: int) -> int:
    """Native pixels that cover this many pixels of the common grid."""
    return -(-side // factor)


def coarsen(image: NDArray[np.uint16], factor: int) -> Floats:
    """The native samples, float64 [band, y, x], that `refine` brings closest to `image`.

    Least squares, which undoes a bilinear warp exactly: that is how bands come onto the common grid
    (`data.recipes.sentinel2`). Block means would blur them once more: refined again, building's
    20 m bands are 49.8 dB from the original, after block means 44.7 dB, repeated 41.9 dB.
    """
    rows, cols = (_linear(native_side(side, factor), side, factor) for side in image.shape[1:])
    halfway = _solved(rows, image.astype(np.float64).swapaxes(0, 1))
    return _solved(cols, halfway.transpose(2, 1, 0)).transpose(1, 2, 0)


def refine(native: Floats, shape: tuple[int, ...], factor: int) -> Floats:
    """Native samples on the common grid of this height and width, interpolated bilinearly."""
    rows, cols = (_linear(n, side, factor) for n, side in zip(native.shape[1:], shape, strict=True))
    halfway = _along_first(rows, native.swapaxes(0, 1))
    return _along_first(cols, halfway.transpose(2, 1, 0)).transpose(1, 2, 0)


def _linear(native: int, side: int, factor: int) -> csc_array:
    """Weights [side, native] of linear interpolation between centres; beyond the ends, the ends."""
    place = (np.arange(side) + 0.5) / factor - 0.5
    before = np.floor(place).astype(np.int64)
    weight = place - before
    column = np.concatenate([before, before + 1]).clip(0, native - 1)
    row = np.tile(np.arange(side), 2)
    return csc_array((np.concatenate([1 - weight, weight]), (row, column)), shape=(side, native))


def _along_first(weights: csc_array, values: Floats) -> Floats:
    flat = weights @ values.reshape(len(values), -1)
    return np.asarray(flat).reshape(-1, *values.shape[1:])


def _solved(weights: csc_array, values: Floats) -> Floats:
    normal = splu(csc_array(weights.T @ weights))
    flat = normal.solve(np.asarray(weights.T @ values.reshape(len(values), -1)))
    return np.asarray(flat).reshape(-1, *values.shape[1:])
