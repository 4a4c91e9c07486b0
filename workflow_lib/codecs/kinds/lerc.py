"""LERC (Limited Error Raster Compression, Esri) through imagecodecs, each band in its own blob."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from workflow_lib.codecs.base import Codec, Encoded, as_counts, refuse_side
from workflow_lib.codecs.framing import index_length, pack, unpack
from workflow_lib.config.codecs import CodecOptions
from workflow_lib.data.info import TileInfo
from workflow_lib.devices import Compute
from workflow_lib.errors import BitstreamError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_MAX_ERRORS = (0.5, 65535.0)
"""Limits of the search; below 0.5 bytes are spent on nothing, at 65535 each block is constant."""
_HEADER = struct.Struct("<6sIIIIIIIIIddd")
"""Magic, version, checksum, rows, columns, depth, valid pixels, block side, bytes, type, maximum
error, lowest and highest value; see the comments of Lerc2.h in Esri's LERC."""
_MAGIC, _VERSION = b"Lerc2 ", 4
_UINT16, _FLOAT32 = 3, 6


class Lerc(CodecOptions):
    """LERC, each band in its own blob, all bands at one maximum error."""

    lossless = True
    kind: Literal["lerc"]


@dataclass(frozen=True)
class LercCodec(Codec):
    """LERC to a target number of bytes, or lossless.

    The rate search finds the maximum error. LERC rounds it down to a whole number for integers, so
    bands are coded as float32, which costs 4 bytes a band; lossless coding keeps uint16.

    Attributes:
        bands: number of bands.
    """

    bands: int

    def encode(self, image: NDArray[np.uint16], budget: int | None) -> Encoded:
        """See `Codec.encode`."""
        from workflow_lib.codecs.rate_search import nearest_size

        if budget is None:
            return Encoded(_encoded(image, 0))
        values = image.astype("f4")
        payload = nearest_size(lambda error: _encoded(values, error), *_MAX_ERRORS, budget)
        return Encoded.near(budget, payload)

    def decode(
        self, payload: bytes, side: bytes, shape: tuple[int, int, int]
    ) -> NDArray[np.uint16]:
        """See `Codec.decode`."""
        import numpy as np

        refuse_side(side)
        blobs = unpack(payload, self.bands)
        return np.stack([as_counts(_decoded(blob, shape[1:])) for blob in blobs])

    def payload_header(self, payload: bytes) -> int:
        """See `Codec.payload_header`: the index and each band's header."""
        return index_length(self.bands) + self.bands * _HEADER.size


def _encoded(image: NDArray[np.uint16] | NDArray[np.float32], max_error: float) -> bytes:
    import imagecodecs

    return pack([bytes(imagecodecs.lerc_encode(band, level=max_error)) for band in image])


def _decoded(blob: bytes, shape: tuple[int, ...]) -> NDArray[np.uint16] | NDArray[np.float32]:
    """Decode a band after comparing every size in its header with what is expected."""
    import imagecodecs
    import numpy as np

    if len(blob) < _HEADER.size:
        raise BitstreamError("LERC: the bitstream is truncated.")
    magic, version, _, *sizes, _, size, kind = _HEADER.unpack_from(blob)[:10]
    expected = [*shape, 1, shape[0] * shape[1]]
    if (magic, version, size) != (_MAGIC, _VERSION, len(blob)) or kind not in (_UINT16, _FLOAT32):
        raise BitstreamError("LERC: the bitstream is damaged, or was not written by this codec.")
    if sizes != expected:
        raise BitstreamError(f"LERC: the bitstream contains no band of shape {shape}.")
    band = np.empty(shape, np.uint16 if kind == _UINT16 else np.float32)
    try:
        imagecodecs.lerc_decode(blob, out=band)
    except Exception as error:
        raise BitstreamError(f"LERC: the bitstream is damaged ({error}).") from error
    return band


def open_codec(options: Lerc, info: TileInfo, weights: Path | None, compute: Compute) -> LercCodec:
    """See `registry.open_codec`."""
    return LercCodec(len(info.bands))
