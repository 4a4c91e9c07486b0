"""The segmenters."""

from typing import Literal

from pydantic import Field

from workflow_lib.config.base import Section
from workflow_lib.config.training import Training


class Segmenter(Section):
    """A U-Net from segmentation-models-pytorch, trained with binary cross-entropy and Adam."""

    encoder: Literal["mobilenet_v2", "resnet34"]
    """Backbone."""
    depth: int = Field(default=5, ge=3, le=5)
    """Number of encoder stages; each halves the resolution."""
    decoder_channels: tuple[int, ...] = (256, 128, 64, 32, 16)
    """Channels of the decoder's stages, deepest first; as many as `depth`."""
    training: Training
    """Schedule of the training."""
