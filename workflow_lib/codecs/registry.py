"""From a configured codec and rate point to the codec itself."""

from pathlib import Path

from workflow_lib.codecs.base import Codec
from workflow_lib.config.codecs import CodecConfig


def open_codec(config: CodecConfig, weights: Path | None, threads: int) -> Codec:
    """The codec, ready to encode and decode.

    Args:
        config: one of the study's codecs.
        weights: the weights of a learned codec, None for the others.
        threads: threads of a learned codec.
    """
    # Imported here: a JPEG 2000 job must not wait for torch.
    match config.kind:
        case "jpeg2000":
            from workflow_lib.codecs.jpeg2000 import Jpeg2000Codec

            return Jpeg2000Codec()
        case "klt-jpeg2000":
            from workflow_lib.codecs.spectral import KltJpeg2000Codec

            return KltJpeg2000Codec()
        case "jpegxl":
            from workflow_lib.codecs.jpegxl import JpegXlCodec

            return JpegXlCodec(config.effort)
        case "dgml":
            from workflow_lib import torchinit

            torchinit.prepare(threads)
            from workflow_lib.codecs.learned.codec import LearnedCodec

            assert weights is not None
            return LearnedCodec.load(weights)
