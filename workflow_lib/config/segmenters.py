"""Options of segmenters."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from workflow_lib.config.schedule import TrainingSchedule
from workflow_lib.config.section import Section


class Segmenter(Section):
    """A U-Net from segmentation-models-pytorch, trained with binary cross-entropy and Adam."""

    encoder: Literal["mobilenet_v2", "resnet34"]
    """Backbone."""
    depth: int = Field(default=5, ge=3, le=5)
    """Number of encoder stages; each halves the resolution."""
    decoder_channels: tuple[Annotated[int, Field(gt=0)], ...] = (256, 128, 64, 32, 16)
    """Channels of the decoder's stages, deepest first; as many as `depth`."""
    training: TrainingSchedule
    """Schedule of the training."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if len(self.decoder_channels) != self.depth:
            raise ValueError(
                f"decoder_channels has {len(self.decoder_channels)} entries, "
                f"depth {self.depth} needs as many"
            )
        if self.training.batch < 2:
            raise ValueError("training.batch must be at least 2: batch normalisation needs it")
        return self
