"""The codecs: one model per kind."""

from typing import Annotated, Literal

from pydantic import Field

from workflow_lib.config.base import Section
from workflow_lib.config.training import Training


class Jpeg2000(Section):
    """JPEG 2000, irreversible 9-7 wavelet, all bands in one raw codestream."""

    kind: Literal["jpeg2000"]


class KltJpeg2000(Section):
    """JPEG 2000 after a spectral Karhunen–Loève transform, fitted and charged per coding unit."""

    kind: Literal["klt-jpeg2000"]


class JpegXl(Section):
    """JPEG XL for single-band data."""

    kind: Literal["jpegxl"]
    effort: int = Field(default=7, ge=1, le=9)
    """Encoder effort."""


class Dgml(Section):
    """Learned codec: Cheng2020 attention transforms with an autoregressive Gaussian prior.

    Its rate points are values of λ in loss = R + λ·MSE₂₅₅ (R in bits per pixel per band).
    """

    kind: Literal["dgml"]
    channels: int = Field(ge=8)
    """N, channels of the transforms' hidden layers."""
    latents: int = Field(ge=8)
    """M, channels of the latent; with a KLT start at most 256 per band."""
    init: Literal["klt", "random"] = "klt"
    """`klt` starts the transforms from a patch KLT of the training tiles; `random` does not."""
    klt_learning_rate: float = Field(default=3e-4, gt=0)
    """Peak learning rate of the layers that hold the KLT; 1e-3 upset it in trials."""
    training: Training
    """Schedule of the fit."""
    seed: int = Field(default=0, ge=0)
    """Seed of initialisation, crops and quantisation noise."""


CodecConfig = Annotated[Jpeg2000 | KltJpeg2000 | JpegXl | Dgml, Field(discriminator="kind")]
