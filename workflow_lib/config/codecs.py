"""The codecs: one model per kind."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field

from workflow_lib.config.schedule import TrainingSchedule
from workflow_lib.config.section import Section

MOST_COMPONENTS = 8
"""Of a mixture; more would overflow the integers that frequencies are summed in."""


class CodecSection(Section):
    """What every codec can be told."""

    lossless: ClassVar[bool] = False
    """Whether it offers the rate point `lossless`."""

    unit: Literal["fold", "tile", "scene"] = "fold"
    """What is coded as one image: the blocks of a fold (one mosaic), each tile, or the scene."""


class Jpeg2000(CodecSection):
    """JPEG 2000, all bands in one raw codestream; 9-7 wavelet, without loss reversible 5-3."""

    lossless = True
    kind: Literal["jpeg2000"]


class Jpeg2000PerBand(CodecSection):
    """JPEG 2000 of each band by itself, every band at the same rate: the naive baseline."""

    lossless = True
    kind: Literal["jpeg2000-per-band"]


class Jpeg2000Native(CodecSection):
    """JPEG 2000 with each band at the resolution in which the sensor took it.

    One codestream per resolution; bytes are split between them for the least squared error.
    """

    kind: Literal["jpeg2000-native"]


class KltJpeg2000(CodecSection):
    """JPEG 2000 after a spectral Karhunen–Loève transform, fitted and charged per coding unit."""

    kind: Literal["klt-jpeg2000"]


class JpegXl(CodecSection):
    """JPEG XL, each band as a grey image in its own codestream, all bands at one distance."""

    lossless = True
    kind: Literal["jpegxl"]
    effort: int = Field(default=7, ge=1, le=9)
    """Encoder effort."""


class Learned(CodecSection):
    """Attention transforms and a hyperprior, with an entropy model of Gaussian mixtures.

    Its rate points are values of λ in loss = R + λ·MSE₂₅₅ (R in bits per pixel per band).
    """

    kind: str
    channels: int = Field(ge=8)
    """N, channels of the transforms' hidden layers."""
    latents: int = Field(ge=8)
    """M, channels of the latent; with a KLT start at most 256 per band."""
    components: int = Field(default=1, ge=1, le=MOST_COMPONENTS)
    """K, Gaussian components of each latent's mixture."""
    init: Literal["klt", "random"] = "klt"
    """`klt` starts the transforms from a patch KLT of the training tiles; `random` does not."""
    klt_learning_rate: float = Field(default=3e-4, gt=0)
    """Peak learning rate of the layers that hold the KLT; 1e-3 upset it in trials."""
    training: TrainingSchedule
    """Schedule of the fit."""

    def as_fitted(self) -> Self:
        """What the fit depends on: the coding unit is of no concern to it."""
        return self.model_copy(update={"unit": "fold"})


class Dgml(Learned):
    """Learned codec with Gaussian mixtures and a serial 5×5 context: the most accurate one."""

    kind: Literal["dgml"]
    components: int = Field(default=3, ge=1, le=MOST_COMPONENTS)
    """K, Gaussian components of each latent's mixture."""


class Checkerboard(Learned):
    """Learned codec whose context is one half of a checkerboard: two steps, whatever the size."""

    kind: Literal["checkerboard"]


class Hyperprior(Learned):
    """Learned codec without context, mean and scale from the hyperprior alone: the fast one."""

    kind: Literal["hyperprior"]


LearnedConfig = Annotated[Dgml | Checkerboard | Hyperprior, Field(discriminator="kind")]
"""One of the codecs that are fitted."""

CodecConfig = Annotated[
    Jpeg2000
    | Jpeg2000PerBand
    | Jpeg2000Native
    | KltJpeg2000
    | JpegXl
    | Dgml
    | Checkerboard
    | Hyperprior,
    Field(discriminator="kind"),
]
"""One of the study's codecs."""
