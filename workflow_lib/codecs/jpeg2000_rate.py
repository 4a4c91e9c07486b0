"""JPEG 2000 codestreams of a given size, and their images."""

import numpy as np
from numpy.typing import NDArray

from workflow_lib.codecs import openjpeg
from workflow_lib.codecs.base import TOLERANCE, as_counts
from workflow_lib.codecs.codestream import OVERHEAD, Style, lossless_style, styles

_COMMENT_BYTES = 39
"""Bytes of the encoder's comment, which OpenJPEG counts and `codestream` removes."""
_AIMS = (1.0, 1.0 + TOLERANCE)
"""Shares of the budget to ask OpenJPEG for; it stays below what it is asked for."""


def compress(image: NDArray[np.uint16], budget: int | None) -> bytes:
    """Compress an image to a raw codestream (.j2k) within 1 % of a budget, or losslessly.

    OpenJPEG adds coding passes while they fit. One pass of a small image may be several percent of
    the budget. Where one style's passes end too far from the budget, other styles are tried. If
    none comes within 1 %, the largest codestream below the budget is returned, or else the smallest
    one. An image with less to code takes fewer bytes.

    Args:
        image: uint16 [band, y, x].
        budget: bytes; None for lossless: the reversible 5-3 wavelet with every bit.
    """
    if budget is None:
        return openjpeg.encode(image, lossless_style(image.shape), None)
    tried = []
    for style in styles(image.shape):
        for aim in _AIMS:
            tried.append(_up_to(image, style, aim * budget))
            if abs(len(tried[-1]) - budget) <= TOLERANCE * budget:
                return tried[-1]
            if len(tried) == 1:
                whole = openjpeg.encode(image, style, None)
                if len(whole) <= budget:
                    return whole
    fitting = [payload for payload in tried if len(payload) <= budget]
    return max(fitting, key=len) if fitting else min(tried, key=len)


def compress_roughly(image: NDArray[np.uint16], budget: int) -> bytes:
    """Compress an image in one attempt to at most `budget` bytes, where OpenJPEG can go so low."""
    return _up_to(image, styles(image.shape)[0], budget)


def _up_to(image: NDArray[np.uint16], style: Style, most: float) -> bytes:
    return openjpeg.encode(image, style, most - OVERHEAD + _COMMENT_BYTES)


def decompress(payload: bytes, shape: tuple[int, int, int]) -> NDArray[np.uint16]:
    """Decompress a codestream to counts, uint16 [band, y, x], none of them nodata.

    Raises:
        BitstreamError: damaged bytes, or an image of another shape.
    """
    return as_counts(openjpeg.decode(payload, shape))
