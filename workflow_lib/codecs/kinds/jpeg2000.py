"""JPEG 2000 Part 1 through OpenJPEG, all bands in one raw codestream."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from workflow_lib.codecs.base import Codec, Encoded, refuse_side
from workflow_lib.codecs.codestream import header_length
from workflow_lib.config.codecs import CodecOptions
from workflow_lib.data.info import TileInfo
from workflow_lib.devices import Compute

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Jpeg2000(CodecOptions):
    """JPEG 2000, all bands in one codestream, without a spectral transform."""

    lossless = True
    kind: Literal["jpeg2000"]


@dataclass(frozen=True)
class Jpeg2000Codec(Codec):
    """JPEG 2000 to a target number of bytes, or lossless."""

    def encode(self, image: NDArray[np.uint16], budget: int | None) -> Encoded:
        """See `Codec.encode`."""
        from workflow_lib.codecs.jpeg2000_rate import compress

        return Encoded.near(budget, compress(image, budget))

    def decode(
        self, payload: bytes, side: bytes, shape: tuple[int, int, int]
    ) -> NDArray[np.uint16]:
        """See `Codec.decode`."""
        from workflow_lib.codecs.jpeg2000_rate import decompress

        refuse_side(side)
        return decompress(payload, shape)

    def payload_header(self, payload: bytes) -> int:
        """See `Codec.payload_header`: the codestream's main header."""
        return header_length(payload)


def open_codec(
    options: Jpeg2000, info: TileInfo, weights: Path | None, compute: Compute
) -> Jpeg2000Codec:
    """See `registry.open_codec`."""
    return Jpeg2000Codec()
