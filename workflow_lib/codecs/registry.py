"""From a configured codec and rate point to the codec itself."""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from workflow_lib.config.codecs import CodecConfig
from workflow_lib.data.info import TileInfo
from workflow_lib.devices import CPU_THREAD, Compute

if TYPE_CHECKING:  # rules name codecs without numpy
    from workflow_lib.codecs.base import Codec

MODULES = {
    "jpeg2000": "workflow_lib.codecs.jpeg2000",
    "klt-jpeg2000": "workflow_lib.codecs.klt_jpeg2000",
    "jpegxl": "workflow_lib.codecs.jpegxl",
    "jpeg2000-per-band": "workflow_lib.codecs.jpeg2000_per_band",
    "jpeg2000-native": "workflow_lib.codecs.jpeg2000_native",
    "dgml": "workflow_lib.codecs.learned.loader",
    "checkerboard": "workflow_lib.codecs.learned.loader",
    "hyperprior": "workflow_lib.codecs.learned.loader",
}
"""The module of each kind of codec; it offers `open_codec(config, info, weights, compute)`.

Named, not imported: a JPEG 2000 job must not wait for torch, and an edit of one codec must not run
the others again.
"""


def open_codec(
    config: CodecConfig, info: TileInfo, weights: Path | None, compute: Compute = CPU_THREAD
) -> "Codec":
    """The codec, ready to encode and decode.

    Args:
        config: one of the study's codecs.
        info: what is true of the tiles that it codes.
        weights: the weights of a learned codec, None for the others.
        compute: where a learned codec runs; the others have one thread.
    """
    codec: Codec = import_module(MODULES[config.kind]).open_codec(config, info, weights, compute)
    return codec
