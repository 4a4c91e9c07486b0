"""Load a learned codec's weights and move it to its device; only the call imports torch."""

from pathlib import Path
from typing import TYPE_CHECKING

from workflow_lib import torchinit
from workflow_lib.codecs.learned.options import LearnedOptions
from workflow_lib.data.info import TileInfo
from workflow_lib.devices import Compute

if TYPE_CHECKING:
    from workflow_lib.codecs.learned.codec import LearnedCodec


def open_codec(
    options: LearnedOptions, info: TileInfo, weights: Path | None, compute: Compute
) -> "LearnedCodec":
    """See `registry.open_codec`.

    Raises:
        DownlinkError: the weights are missing, damaged or of another codec, or torch cannot be
            loaded or sees no GPU.
    """
    torchinit.prepare(compute.threads)
    from workflow_lib.codecs.learned import codec  # imports torch, so after `prepare`

    opened = codec.open_codec(options, info, weights)
    opened.to(torchinit.device(compute.device))
    return opened
