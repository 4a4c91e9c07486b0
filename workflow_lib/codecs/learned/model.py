"""The learned codec's network: transforms and prior."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from workflow_lib.codecs.learned.layers import conv3x3
from workflow_lib.codecs.learned.options import PATCH
from workflow_lib.codecs.learned.prior import HYPER_STRIDE, Architecture, Prior
from workflow_lib.codecs.learned.rounding import passing, quantised
from workflow_lib.codecs.learned.transforms import Analysis, Synthesis
from workflow_lib.training.precision import full


class Output(NamedTuple):
    """Result of a forward pass.

    Attributes:
        image: reconstruction in normalised values, [batch, bands, y, x].
        bits: estimated bits of the whole batch, a scalar.
    """

    image: Tensor
    bits: Tensor


class LearnedModel(nn.Module):
    """Transforms and prior; training rounds latents as coding does, without added noise.

    Images are normalised per band: (counts − offset) / gain. `spread` is the latents' initial
    standard deviation. The networks beside the linear transforms get latents in this unit, so that
    channels of very different variance train equally well. `zone` is the dead zone of rounding.
    """

    offset: Tensor
    gain: Tensor
    spread: Tensor
    zone: Tensor

    def __init__(self, sizes: Architecture) -> None:
        super().__init__()
        n, m = sizes.channels, sizes.latents
        self.sizes = sizes
        self.register_buffer("offset", torch.zeros(sizes.bands, 1, 1))
        self.register_buffer("gain", torch.ones(sizes.bands, 1, 1))
        self.register_buffer("spread", torch.ones(m, 1, 1))
        self.register_buffer("zone", torch.zeros(m, 1, 1))
        self.analysis = Analysis(sizes.bands, n, m)
        self.synthesis = Synthesis(sizes.bands, n, m)
        self.hyper_analysis = nn.Sequential(
            conv3x3(m, n),
            nn.LeakyReLU(),
            conv3x3(n, n),
            nn.LeakyReLU(),
            conv3x3(n, n, stride=2),
            nn.LeakyReLU(),
            conv3x3(n, n),
            nn.LeakyReLU(),
            conv3x3(n, n, stride=2),
        )
        self.prior = Prior(sizes)

    def normalise(self, counts: Tensor) -> Tensor:
        """Normalise counts [..., band, y, x] for the transforms."""
        return (counts - self.offset) / self.gain

    def counts(self, image: Tensor) -> Tensor:
        """Convert normalised values to counts, the inverse of `normalise`."""
        return image * self.gain + self.offset

    def analyse(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Compute latents and hyperlatents, not rounded.

        Args:
            image: normalised, [batch, bands, y, x], sides multiples of 16.

        Returns:
            Latents [batch, M, y/16, x/16] and hyperlatents [batch, N, ⌈y/64⌉, ⌈x/64⌉].
        """
        latents = self.analysis(image)
        # Only the hyperprior pads: an image of 32×32 pixels has 2×2 latents.
        border = (0, -latents.shape[3] % HYPER_STRIDE, 0, -latents.shape[2] % HYPER_STRIDE)
        padded = nn.functional.pad(latents / self.spread, border, mode="replicate")
        hyper: Tensor = self.hyper_analysis(padded)
        return latents, hyper.float()

    def synthesise(self, latents: Tensor) -> Tensor:
        """Compute a normalised image [batch, bands, 16·y, 16·x] from rounded latents."""
        image: Tensor = self.synthesis(latents, latents / self.spread)
        return image

    def forward(self, image: Tensor) -> Output:
        """Reconstruct images and estimate their bits.

        Args:
            image: normalised, [batch, bands, y, x], sides multiples of 16.
        """
        latents, hyper = self.analyse(image)
        latents = quantised(latents, self.zone)
        hyper = passing(hyper, hyper.round())
        # Means of well-predicted channels need more than bf16's 8 bits. So do likelihoods, which
        # are differences of nearly equal numbers.
        with full(latents):
            bits = self.prior(hyper, latents, self.spread).bits(latents)
            bits = bits + self.prior.hyper_mixture().bits(hyper)
        return Output(self.synthesise(latents), bits)


def padded_to_patches(image: Tensor) -> Tensor:
    """Pad an image [batch, bands, y, x] to whole patches by repeating its last row and column."""
    height, width = image.shape[2:]
    return nn.functional.pad(image, (0, -width % PATCH, 0, -height % PATCH), mode="replicate")
