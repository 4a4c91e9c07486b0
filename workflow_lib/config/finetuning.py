"""Joint fine-tuning of codec and segmenter, and its control."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from workflow_lib.config.schedule import TrainingSchedule
from workflow_lib.config.section import Section


class Finetuning(Section):
    """Fine-tuning of a codec and a segmenter from their standalone weights.

    The joint loss is L = R + λ·D + γ·T: R in bits per pixel and band, D = MSE₂₅₅, and T the mean
    binary cross-entropy in nats per labelled pixel. The control has as many steps: it fine-tunes
    the codec with R + λ·D, then the segmenter on the codec's reconstructions. It also has as many
    configurations to choose from.
    """

    gammas: tuple[Annotated[float, Field(gt=0)], ...] = Field(min_length=1)
    """Values of γ that are tried; the best IoU on the validation tiles decides. The control is
    trained as often, each time with other crops."""
    codec_learning_rate: float = Field(gt=0)
    """Peak learning rate of the codec; `training.learning_rate` is the segmenter's."""
    training: TrainingSchedule
    """Schedule of one fine-tuning."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.training.batch < 2:
            raise ValueError("training.batch must be at least 2: batch normalisation needs it")
        if len(set(self.gammas)) < len(self.gammas):
            raise ValueError("gammas names a value twice")
        return self
