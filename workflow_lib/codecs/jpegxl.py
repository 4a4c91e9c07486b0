"""JPEG XL (libjxl through imagecodecs), each band as a grey image."""

import struct
from dataclasses import dataclass
from itertools import accumulate, pairwise
from pathlib import Path

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from workflow_lib.codecs.base import Codec, Encoded, as_counts, misses
from workflow_lib.config.codecs import JpegXl
from workflow_lib.data.tiles import TileInfo
from workflow_lib.errors import BitstreamError

_BLACK = 16384
_WHITE = 65535
_DISTANCES = (0.01, 25.0)
"""libjxl's range of Butteraugli distances; 25 is the coarsest it offers."""
_SEARCH_STEPS = 10


@dataclass(frozen=True)
class JpegXlCodec(Codec):
    """JPEG XL to a target number of bytes.

    libjxl allots its bits by the eye's response to the tone curve. Each band is therefore stretched
    from its range of counts to the upper three quarters of the 16-bit scale, where that response
    is nearly even; the range is side information (4 bytes per band).
    """

    effort: int

    def encode(self, image: NDArray[np.uint16], budget: int | None) -> Encoded:
        """See `Codec.encode`. The finest distance that fits the budget, by bisection."""
        ranges = [(int(band.min()), int(band.max())) for band in image]
        side = b"".join(struct.pack("<HH", *limits) for limits in ranges)
        bands = [_stretch(band, limits) for band, limits in zip(image, ranges, strict=True)]
        room = budget - len(side)
        fine, coarse = np.log(_DISTANCES)
        best = self._pack(bands, _DISTANCES[1])
        if len(best) > room:
            return Encoded(best, side, at_floor=misses(len(best) + len(side), budget))
        for _ in range(_SEARCH_STEPS):
            middle = (fine + coarse) / 2
            payload = self._pack(bands, float(np.exp(middle)))
            if len(payload) <= room:
                best, coarse = max(best, payload, key=len), middle
            else:
                fine = middle
        return Encoded(best, side)

    def _pack(self, bands: list[NDArray[np.uint16]], distance: float) -> bytes:
        streams = [
            imagecodecs.jpegxl_encode(band, distance=distance, effort=self.effort, numthreads=1)
            for band in bands
        ]
        lengths = [len(stream) for stream in streams[:-1]]
        return struct.pack(f"<{len(lengths)}I", *lengths) + b"".join(streams)

    def decode(
        self, payload: bytes, side: bytes, shape: tuple[int, int, int]
    ) -> NDArray[np.uint16]:
        """See `Codec.decode`."""
        bands = shape[0]
        if len(side) != 4 * bands or len(payload) < _index_length(bands):
            raise BitstreamError(f"JPEG XL: the bytes do not hold {bands} bands.")
        ranges = list(struct.iter_unpack("<HH", side))
        image = [
            _unstretch(_decode_band(stream, shape[1:]), limits)
            for stream, limits in zip(_unpack(payload, bands), ranges, strict=True)
        ]
        return np.stack(image)

    def payload_header(self, payload: bytes) -> int:
        """See `Codec.payload_header`; libjxl's own headers are not told apart."""
        return 0


def _index_length(bands: int) -> int:
    """Bytes of the lengths of all bands but the last."""
    return 4 * (bands - 1)


def _unpack(payload: bytes, bands: int) -> list[bytes]:
    start = _index_length(bands)
    lengths = struct.unpack_from(f"<{bands - 1}I", payload)
    ends = [*accumulate(lengths, initial=start), len(payload)]
    if sum(lengths) + start > len(payload):
        raise BitstreamError("JPEG XL: the bitstream is truncated.")
    return [payload[a:b] for a, b in pairwise(ends)]


def _decode_band(stream: bytes, shape: tuple[int, ...]) -> NDArray[np.uint16]:
    try:
        band = np.asarray(imagecodecs.jpegxl_decode(stream, numthreads=1))
    except Exception as error:
        raise BitstreamError(f"JPEG XL: the bitstream is damaged ({error}).") from error
    if band.shape != shape or band.dtype != np.uint16:
        raise BitstreamError(f"JPEG XL: the bitstream does not hold an image of shape {shape}.")
    return band


def _stretch(band: NDArray[np.uint16], limits: tuple[int, int]) -> NDArray[np.uint16]:
    low, high = limits
    gain = (_WHITE - _BLACK) / max(high - low, 1)
    return np.rint((band.astype(np.float64) - low) * gain + _BLACK).astype(np.uint16)


def _unstretch(band: NDArray[np.uint16], limits: tuple[int, int]) -> NDArray[np.uint16]:
    low, high = limits
    gain = (_WHITE - _BLACK) / max(high - low, 1)
    return as_counts((band.astype(np.float64) - _BLACK) / gain + low)


def open_codec(config: JpegXl, info: TileInfo, weights: Path | None) -> JpegXlCodec:
    """See `registry.open_codec`."""
    return JpegXlCodec(config.effort)
