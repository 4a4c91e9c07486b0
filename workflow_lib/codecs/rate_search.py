"""Find the parameter at which a codec spends a given number of bytes, by bisection."""

from collections.abc import Callable

import numpy as np

from workflow_lib.codecs.base import TOLERANCE

_STEPS = 12
_CLOSE = TOLERANCE / 4


def nearest_size(
    encode: Callable[[float], bytes], finest: float, coarsest: float, size: int
) -> bytes:
    """Encode at the parameter whose bytes come nearest to a size.

    Bisects the logarithm of the parameter. Sizes should fall from `finest` to `coarsest`, but may
    rise and fall by some percent between neighbours: every result that was tried is compared.

    Args:
        encode: returns the bytes at a parameter.
        finest, coarsest: limits of the parameter, above 0.
        size: bytes wanted.

    Returns:
        The nearest result where it is within 1 % of the size; else the largest result below the
        size; else the result at `coarsest`.
    """
    fine, coarse = np.log((finest, coarsest))
    tried = [encode(coarsest)]
    while len(tried) <= _STEPS and len(tried[0]) < size:
        middle = (fine + coarse) / 2
        tried.append(encode(float(np.exp(middle))))
        if abs(len(tried[-1]) - size) <= _CLOSE * size:
            return tried[-1]
        fine, coarse = (middle, coarse) if len(tried[-1]) > size else (fine, middle)
    nearest = min(tried, key=lambda found: abs(len(found) - size))
    if abs(len(nearest) - size) <= TOLERANCE * size:
        return nearest
    return max((found for found in tried if len(found) <= size), key=len, default=tried[0])
