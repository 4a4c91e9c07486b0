"""JPEG XL (libjxl through imagecodecs), each band as a grey image."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from workflow_lib.codecs.base import Codec, Encoded, as_counts
from workflow_lib.codecs.framing import pack, unpack
from workflow_lib.config.codecs import CodecOptions
from workflow_lib.data.info import TileInfo
from workflow_lib.devices import Compute
from workflow_lib.errors import BitstreamError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_BLACK = 16384
_WHITE = 65535
_DISTANCES = (0.01, 25.0)
"""libjxl's range of Butteraugli distances; 25 is the coarsest it offers."""

Limits = tuple[int, int]


class JpegXl(CodecOptions):
    """JPEG XL, each band as a grey image in its own codestream, all bands at one distance."""

    lossless = True
    kind: Literal["jpegxl"]
    effort: int = Field(default=7, ge=1, le=9)
    """Encoder effort."""


@dataclass(frozen=True)
class JpegXlCodec(Codec):
    """JPEG XL to a target number of bytes, or lossless.

    libjxl distributes its bits by the eye's response to the tone curve. For a target, each band is
    therefore stretched from its range of counts to the upper three quarters of the 16-bit scale,
    where that response is nearly even. The ranges are side information (4 bytes per band). All
    bands share one distance. Lossless coding keeps the counts and needs no side information.

    Each band is an image of its own. In a single image libjxl would take all bands but the first
    for extra channels, which imagecodecs codes losslessly at any distance.
    """

    effort: int

    def encode(self, image: NDArray[np.uint16], budget: int | None) -> Encoded:
        """See `Codec.encode`."""
        from workflow_lib.codecs.rate_search import nearest_size

        if budget is None:
            return Encoded(self._pack(image, 0.0))
        ranges = [(int(band.min()), int(band.max())) for band in image]
        side = b"".join(struct.pack("<HH", *limits) for limits in ranges)
        bands = [_stretch(band, limits) for band, limits in zip(image, ranges, strict=True)]
        size = budget - len(side)
        payload = nearest_size(lambda distance: self._pack(bands, distance), *_DISTANCES, size)
        return Encoded.near(budget, payload, side)

    def _pack(self, bands: Iterable[NDArray[np.uint16]], distance: float) -> bytes:
        """Pack the codestreams of the bands; distance 0 is lossless."""
        return pack([self._coded(band, distance) for band in bands])

    def _coded(self, band: NDArray[np.uint16], distance: float) -> bytes:
        import imagecodecs

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
        import numpy as np

        bands = shape[0]
        if len(side) not in (0, 4 * bands):
            raise BitstreamError(f"JPEG XL: the side information does not fit {bands} bands.")
        image = np.stack([_decoded(stream, shape[1:]) for stream in unpack(payload, bands)])
        if not side:
            return as_counts(image)
        ranges: list[Limits] = list(struct.iter_unpack("<HH", side))
        return np.stack([_unstretch(band, own) for band, own in zip(image, ranges, strict=True)])

    def payload_header(self, payload: bytes) -> int:
        """See `Codec.payload_header`; libjxl's own headers count as payload."""
        return 0


def _decoded(stream: bytes, shape: tuple[int, ...]) -> NDArray[np.uint16]:
    """Decode a band; imagecodecs compares its size with `out` before it decodes pixels."""
    import imagecodecs
    import numpy as np

    band = np.empty(shape, np.uint16)
    try:
        imagecodecs.jpegxl_decode(stream, numthreads=1, out=band)
    except Exception as error:
        raise BitstreamError(
            f"JPEG XL: the bitstream is damaged or contains no image of shape {shape} ({error})."
        ) from error
    return band


def _stretch(band: NDArray[np.uint16], limits: Limits) -> NDArray[np.uint16]:
    import numpy as np

    low, high = limits
    gain = (_WHITE - _BLACK) / max(high - low, 1)
    return np.rint((band.astype(np.float64) - low) * gain + _BLACK).astype(np.uint16)


def _unstretch(band: NDArray[np.uint16], limits: Limits) -> NDArray[np.uint16]:
    import numpy as np

    low, high = limits
    gain = (_WHITE - _BLACK) / max(high - low, 1)
    values = band.astype(np.float32)
    values -= _BLACK
    values /= gain
    values += low
    return as_counts(values)


def open_codec(
    options: JpegXl, info: TileInfo, weights: Path | None, compute: Compute
) -> JpegXlCodec:
    """See `registry.open_codec`."""
    return JpegXlCodec(options.effort)
