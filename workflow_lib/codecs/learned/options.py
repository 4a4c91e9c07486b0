"""Options that all learned codecs share; importing them does not import torch."""

from typing import ClassVar, Literal

from pydantic import Field

from workflow_lib.config.codecs import CodecOptions
from workflow_lib.config.schedule import TrainingSchedule

MOST_COMPONENTS = 8
"""Most components of a mixture; more would overflow the integer sums of frequencies."""
PATCH = 16
"""Side of the patch that one latent position represents, in pixels."""


class LearnedOptions(CodecOptions):
    """Attention transforms and a hyperprior, with an entropy model of Gaussian mixtures.

    Rate points are values of λ in loss = R + λ·MSE₂₅₅ (R in bits per pixel per band).

    Attributes:
        context: name of the context model, a value of `learned.context.Context`.
    """

    learned = True
    control = "lambda"
    context: ClassVar[str]

    channels: int = Field(ge=8)
    """N, channels of the transforms' hidden layers."""
    latents: int = Field(ge=8)
    """M, channels of the latent; with a KLT start at most 256 per band."""
    components: int = Field(default=1, ge=1, le=MOST_COMPONENTS)
    """K, Gaussian components of each latent's mixture."""
    init: Literal["klt", "random"] = "klt"
    """`klt` starts the transforms from a patch KLT of the training tiles; `random` does not."""
    klt_learning_rate: float = Field(default=3e-4, gt=0)
    """Peak learning rate of the layers that hold the KLT; 1e-3 was too high in trials."""
    training: TrainingSchedule
    """Schedule of the fit."""

    def check_rate(self, rate: float, tile: int, bands: int) -> None:
        """See `CodecOptions.check_rate`; also checks crops and the KLT start."""
        super().check_rate(rate, tile, bands)
        if self.training.crop > tile:
            raise ValueError(f"training crop {self.training.crop} is larger than the tile {tile}")
        most = PATCH * PATCH * bands
        if self.init == "klt" and self.latents > most:
            raise ValueError(
                f"a KLT start has at most {most} latents on {bands} bands, not {self.latents}"
            )
