"""JPEG 2000 Part 1 through OpenJPEG, all bands in one raw codestream."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from workflow_lib.codecs import openjpeg
from workflow_lib.codecs.base import TOLERANCE, Codec, Encoded, as_counts
from workflow_lib.codecs.codestream import OVERHEAD, Style, header_length, lossless_style, styles
from workflow_lib.config.codecs import Jpeg2000
from workflow_lib.data.info import TileInfo
from workflow_lib.devices import Compute

_COMMENT_BYTES = 39
"""What OpenJPEG counts besides, and we cut off."""
_AIMS = (1.0, 1.0 + TOLERANCE)
"""Shares of the budget that OpenJPEG is asked for, as the most it may take."""


def compress(image: NDArray[np.uint16], budget: int | None) -> bytes:
    """A raw codestream (.j2k) within 1 % of `budget` bytes, or without loss.

    OpenJPEG takes as many coding passes as fit, but a pass of a small image may be several percent
    of it. Where the passes of one style end too far from the budget, other styles are tried. Where
    none comes within 1 %, the largest codestream below it is taken, or the smallest there is; an
    image that has less to code takes no more than it needs.

    Args:
        image: uint16 [band, y, x].
        budget: bytes; None for the reversible 5-3 wavelet with all its coefficients' bits.
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
    """A raw codestream of at most `budget` bytes where it can go so low, in one go."""
    return _up_to(image, styles(image.shape)[0], budget)


def _up_to(image: NDArray[np.uint16], style: Style, most: float) -> bytes:
    return openjpeg.encode(image, style, most - OVERHEAD + _COMMENT_BYTES)


def decompress(payload: bytes, shape: tuple[int, int, int]) -> NDArray[np.uint16]:
    """The image of a codestream: counts, uint16 [band, y, x], none of them nodata.

    Raises:
        BitstreamError: damaged bytes, or an image of another shape.
    """
    return as_counts(openjpeg.decode(payload, shape))


@dataclass(frozen=True)
class Jpeg2000Codec(Codec):
    """JPEG 2000 to a target number of bytes, or without loss."""

    def encode(self, image: NDArray[np.uint16], budget: int | None) -> Encoded:
        """See `Codec.encode`."""
        return Encoded.near(budget, compress(image, budget))

    def decode(
        self, payload: bytes, side: bytes, shape: tuple[int, int, int]
    ) -> NDArray[np.uint16]:
        """See `Codec.decode`."""
        return decompress(payload, shape)

    def payload_header(self, payload: bytes) -> int:
        """See `Codec.payload_header`: the codestream's main header."""
        return header_length(payload)


def open_codec(
    config: Jpeg2000, info: TileInfo, weights: Path | None, compute: Compute
) -> Jpeg2000Codec:
    """See `registry.open_codec`."""
    return Jpeg2000Codec()
