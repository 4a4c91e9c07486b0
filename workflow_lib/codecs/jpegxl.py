"""JPEG XL (libjxl through imagecodecs), each band as a grey image."""

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from workflow_lib.codecs.base import TOLERANCE, Codec, Encoded, as_counts
from workflow_lib.codecs.framing import pack, unpack
from workflow_lib.config.codecs import JpegXl
from workflow_lib.data.info import TileInfo
from workflow_lib.devices import Compute
from workflow_lib.errors import BitstreamError

_BLACK = 16384
_WHITE = 65535
_DISTANCES = (0.01, 25.0)
"""libjxl's range of Butteraugli distances; 25 is the coarsest it offers."""
_SEARCH_STEPS = 12
_CLOSE = TOLERANCE / 4

Limits = tuple[int, int]


@dataclass(frozen=True)
class JpegXlCodec(Codec):
    """JPEG XL to a target number of bytes, or without loss.

    libjxl allots its bits by the eye's response to the tone curve. To a target, each band is
    therefore stretched from its range of counts to the upper three quarters of the 16-bit scale,
    where that response is nearly even; the range is side information (4 bytes per band). All bands
    share one distance. Without loss the counts themselves are coded, without side information.

    Bands are not the planes of one image: libjxl would take all but the first for extra channels,
    which imagecodecs codes without loss at any distance; without loss planes gain or cost some
    percent, by scene.
    """

    effort: int

    def encode(self, image: NDArray[np.uint16], budget: int | None) -> Encoded:
        """See `Codec.encode`."""
        if budget is None:
            return Encoded(self._pack(image, 0.0))
        ranges = [(int(band.min()), int(band.max())) for band in image]
        side = b"".join(struct.pack("<HH", *limits) for limits in ranges)
        bands = [_stretch(band, limits) for band, limits in zip(image, ranges, strict=True)]
        return Encoded.near(budget, self._search(bands, budget - len(side)), side)

    def _search(self, bands: list[NDArray[np.uint16]], room: int) -> bytes:
        """The bytes nearest to the room by bisection of the distance, or below it, or the fewest.

        libjxl's sizes rise and fall by some percent from one distance to the next, so that any
        distance tried may be the one.
        """
        fine, coarse = np.log(_DISTANCES)
        tried = [self._pack(bands, _DISTANCES[1])]
        while len(tried) <= _SEARCH_STEPS and len(tried[0]) < room:
            middle = (fine + coarse) / 2
            tried.append(self._pack(bands, float(np.exp(middle))))
            if abs(len(tried[-1]) - room) <= _CLOSE * room:
                return tried[-1]
            fine, coarse = (middle, coarse) if len(tried[-1]) > room else (fine, middle)
        nearest = min(tried, key=lambda payload: abs(len(payload) - room))
        if abs(len(nearest) - room) <= TOLERANCE * room:
            return nearest
        return max((p for p in tried if len(p) <= room), key=len, default=tried[0])

    def _pack(self, bands: Iterable[NDArray[np.uint16]], distance: float) -> bytes:
        """The bands' codestreams; at distance 0 without loss."""
        return pack([self._coded(band, distance) for band in bands])

    def _coded(self, band: NDArray[np.uint16], distance: float) -> bytes:
        return bytes(
            imagecodecs.jpegxl_encode(
                band,
                distance=distance,
                lossless=distance == 0,
                effort=self.effort,
                numthreads=1,
            )
        )

    def decode(
        self, payload: bytes, side: bytes, shape: tuple[int, int, int]
    ) -> NDArray[np.uint16]:
        """See `Codec.decode`."""
        bands = shape[0]
        if len(side) not in (0, 4 * bands):
            raise BitstreamError(f"JPEG XL: the side information is not that of {bands} bands.")
        image = np.stack([_decoded(stream, shape[1:]) for stream in unpack(payload, bands)])
        if not side:
            return as_counts(image)
        ranges: list[Limits] = list(struct.iter_unpack("<HH", side))
        return np.stack([_unstretch(band, own) for band, own in zip(image, ranges, strict=True)])

    def payload_header(self, payload: bytes) -> int:
        """See `Codec.payload_header`; libjxl's own headers are not told apart."""
        return 0


def _decoded(stream: bytes, shape: tuple[int, ...]) -> NDArray[np.uint16]:
    """The band of a codestream; imagecodecs compares its size with `out` before decoding pixels."""
    band = np.empty(shape, np.uint16)
    try:
        imagecodecs.jpegxl_decode(stream, numthreads=1, out=band)
    except Exception as error:
        raise BitstreamError(
            f"JPEG XL: the bitstream is damaged or holds no image of shape {shape} ({error})."
        ) from error
    return band


def _stretch(band: NDArray[np.uint16], limits: Limits) -> NDArray[np.uint16]:
    low, high = limits
    gain = (_WHITE - _BLACK) / max(high - low, 1)
    return np.rint((band.astype(np.float64) - low) * gain + _BLACK).astype(np.uint16)


def _unstretch(band: NDArray[np.uint16], limits: Limits) -> NDArray[np.uint16]:
    low, high = limits
    gain = (_WHITE - _BLACK) / max(high - low, 1)
    values = band.astype(np.float32)
    values -= _BLACK
    values /= gain
    values += low
    return as_counts(values)


def open_codec(
    config: JpegXl, info: TileInfo, weights: Path | None, compute: Compute
) -> JpegXlCodec:
    """See `registry.open_codec`."""
    return JpegXlCodec(config.effort)
