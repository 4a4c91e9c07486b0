"""JPEG 2000 with each band at the resolution in which the sensor took it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from workflow_lib.config.codecs import CodecOptions
from workflow_lib.data.info import TileInfo
from workflow_lib.devices import Compute

if TYPE_CHECKING:
    from workflow_lib.codecs.native_resolution import Jpeg2000NativeCodec


class Jpeg2000Native(CodecOptions):
    """JPEG 2000 with each band at the resolution in which the sensor took it.

    One codestream per resolution; bytes are split between them for the least squared error.
    """

    kind: Literal["jpeg2000-native"]


def open_codec(
    options: Jpeg2000Native, info: TileInfo, weights: Path | None, compute: Compute
) -> Jpeg2000NativeCodec:
    """See `registry.open_codec`."""
    from workflow_lib.codecs.native_resolution import Jpeg2000NativeCodec, groups_of

    return Jpeg2000NativeCodec(groups_of(info.native_fraction))
