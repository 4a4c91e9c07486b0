"""JPEG 2000 after a spectral Karhunen–Loève transform fitted to each coding unit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from workflow_lib.config.codecs import CodecOptions
from workflow_lib.data.info import TileInfo
from workflow_lib.devices import Compute

if TYPE_CHECKING:
    from workflow_lib.codecs.spectral_klt import KltJpeg2000Codec


class KltJpeg2000(CodecOptions):
    """JPEG 2000 after a spectral Karhunen–Loève transform, fitted and charged per coding unit."""

    kind: Literal["klt-jpeg2000"]


def open_codec(
    options: KltJpeg2000, info: TileInfo, weights: Path | None, compute: Compute
) -> KltJpeg2000Codec:
    """See `registry.open_codec`."""
    from workflow_lib.codecs.spectral_klt import KltJpeg2000Codec

    return KltJpeg2000Codec()
