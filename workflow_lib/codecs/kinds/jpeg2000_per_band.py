"""JPEG 2000 of each band by itself, every band at the same rate: the naive baseline."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from workflow_lib.codecs.base import Codec, Encoded, refuse_side
from workflow_lib.codecs.codestream import header_length
from workflow_lib.codecs.framing import index_length, pack, unpack
from workflow_lib.config.codecs import CodecOptions
from workflow_lib.data.info import TileInfo
from workflow_lib.devices import Compute

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Jpeg2000PerBand(CodecOptions):
    """JPEG 2000 of each band by itself, all bands at the same rate: the naive baseline."""

    lossless = True
    kind: Literal["jpeg2000-per-band"]


@dataclass(frozen=True)
class Jpeg2000PerBandCodec(Codec):
    """One codestream per band.

    Attributes:
        bands: number of bands.
    """

    bands: int

    def encode(self, image: NDArray[np.uint16], budget: int | None) -> Encoded:
        """See `Codec.encode`. Bytes that a band spends too much or too little change the rest."""
        from workflow_lib.codecs.jpeg2000_rate import compress

        if budget is None:
            return Encoded(pack([compress(band[None], None) for band in image]))
        left, streams = budget - index_length(self.bands), list[bytes]()
        for place, band in enumerate(image):
            streams.append(compress(band[None], max(left // (self.bands - place), 1)))
            left -= len(streams[-1])
        return Encoded.near(budget, pack(streams))

    def decode(
        self, payload: bytes, side: bytes, shape: tuple[int, int, int]
    ) -> NDArray[np.uint16]:
        """See `Codec.decode`."""
        import numpy as np

        from workflow_lib.codecs.jpeg2000_rate import decompress

        refuse_side(side)
        streams = unpack(payload, self.bands)
        return np.concatenate([decompress(stream, (1, *shape[1:])) for stream in streams])

    def payload_header(self, payload: bytes) -> int:
        """See `Codec.payload_header`: the index and every codestream's main header."""
        return index_length(self.bands) + sum(map(header_length, unpack(payload, self.bands)))


def open_codec(
    options: Jpeg2000PerBand, info: TileInfo, weights: Path | None, compute: Compute
) -> Jpeg2000PerBandCodec:
    """See `registry.open_codec`."""
    return Jpeg2000PerBandCodec(len(info.bands))
