"""The learned codec's network: transforms, hyperprior and context model."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import NamedTuple

import torch
from compressai.entropy_models import EntropyBottleneck, GaussianConditional
from compressai.layers import MaskedConv2d, conv3x3, subpel_conv3x3
from compressai.models import CompressionModel
from torch import Tensor, nn

from workflow_lib.codecs.learned.quantise import cheapest
from workflow_lib.codecs.learned.transforms import Analysis, Synthesis

HYPER_STRIDE = 4
"""Latent positions per side of one hyperlatent position."""
ALIGNMENT = 64
"""Image sides are multiples of this: 16 pixels per latent, 4 latents per hyperlatent."""
_LOG_SCALE_LIMIT = 6.0


@dataclass(frozen=True)
class Architecture:
    """Sizes of the network.

    Attributes:
        bands: bands of the image.
        channels: N, hidden channels.
        latents: M, latent channels.
    """

    bands: int
    channels: int
    latents: int

    def as_dict(self) -> dict[str, int]:
        """The sizes by name."""
        return asdict(self)


class Output(NamedTuple):
    """What a forward pass gives.

    Attributes:
        image: reconstruction in normalised values, [batch, bands, y, x].
        bits: estimated bits of the whole batch, a scalar.
    """

    image: Tensor
    bits: Tensor


class LearnedModel(CompressionModel):  # type: ignore[misc]
    """Transforms with the joint autoregressive and hierarchical prior, one Gaussian per latent.

    The prior follows D. Minnen, J. Ballé, G. Toderici, "Joint Autoregressive and Hierarchical
    Priors for Learned Image Compression", NeurIPS 2018; its hyper transforms are Cheng2020's.
    Means and scales are predicted in units of `spread`, the latents' standard deviations at the
    start, so that channels of very different variance train alike.

    Images are normalised: (counts − offset) / gain, per band.
    """

    offset: Tensor
    gain: Tensor
    spread: Tensor

    def __init__(self, sizes: Architecture) -> None:
        super().__init__()
        n, m = sizes.channels, sizes.latents
        self.sizes = sizes
        self.register_buffer("offset", torch.zeros(sizes.bands, 1, 1))
        self.register_buffer("gain", torch.ones(sizes.bands, 1, 1))
        self.register_buffer("spread", torch.ones(m, 1, 1))
        self.analysis = Analysis(sizes.bands, n, m)
        self.synthesis = Synthesis(sizes.bands, n, m)
        self.hyper_analysis = nn.Sequential(
            conv3x3(m, n),
            nn.LeakyReLU(inplace=True),
            conv3x3(n, n),
            nn.LeakyReLU(inplace=True),
            conv3x3(n, n, stride=2),
            nn.LeakyReLU(inplace=True),
            conv3x3(n, n),
            nn.LeakyReLU(inplace=True),
            conv3x3(n, n, stride=2),
        )
        self.hyper_synthesis = nn.Sequential(
            conv3x3(n, n),
            nn.LeakyReLU(inplace=True),
            subpel_conv3x3(n, n, 2),
            nn.LeakyReLU(inplace=True),
            conv3x3(n, n * 3 // 2),
            nn.LeakyReLU(inplace=True),
            subpel_conv3x3(n * 3 // 2, n * 3 // 2, 2),
            nn.LeakyReLU(inplace=True),
            conv3x3(n * 3 // 2, 2 * m),
        )
        self.context = MaskedConv2d(m, 2 * m, kernel_size=5, padding=2)
        self.entropy_parameters = nn.Sequential(
            nn.Conv2d(4 * m, m * 10 // 3, 1),
            nn.LeakyReLU(inplace=True),
            nn.Conv2d(m * 10 // 3, m * 8 // 3, 1),
            nn.LeakyReLU(inplace=True),
        )
        self.last = nn.Conv2d(m * 8 // 3, 2 * m, 1)
        self.entropy_bottleneck = EntropyBottleneck(n)
        self.gaussian_conditional = GaussianConditional(None)

    def normalise(self, counts: Tensor) -> Tensor:
        """Counts [..., band, y, x] as the transforms take them."""
        return (counts - self.offset) / self.gain

    def counts(self, image: Tensor) -> Tensor:
        """The inverse of `normalise`."""
        return image * self.gain + self.offset

    def gaussians(self, features: Tensor, spread: Tensor) -> tuple[Tensor, Tensor]:
        """Scales and means from the entropy network's output, both halves along dimension 1."""
        log_scales, means = features.chunk(2, 1)
        bounded = log_scales.clamp(-_LOG_SCALE_LIMIT, _LOG_SCALE_LIMIT)
        return bounded.exp() * spread, means * spread

    def load_state_dict(self, state_dict: Mapping[str, Tensor], strict: bool = True) -> object:
        """See `nn.Module`; tables may be longer or shorter than the present ones."""
        for name, buffer in self.named_buffers():
            if name in state_dict:
                buffer.resize_(state_dict[name].shape)
        return super().load_state_dict(state_dict, strict)

    def forward(self, image: Tensor) -> Output:
        """Reconstruct and estimate bits.

        Args:
            image: normalised, [batch, bands, y, x], sides multiples of 64.
        """
        latents = self.analysis(image)
        hyper_hat, hyper_likelihoods = self.entropy_bottleneck(
            self.hyper_analysis(latents / self.spread)
        )
        features = self.hyper_synthesis(hyper_hat)
        # What the context model sees depends on the means that it predicts. One position after
        # the other is too slow for training; a first guess and one repetition come close.
        guess, _, _ = self._quantised(latents, features, latents.round())
        quantised, symbols, scales = self._quantised(latents, features, guess)
        likelihoods = self._bounded_likelihood(symbols, scales)
        bits = -(likelihoods.log2().sum() + hyper_likelihoods.log2().sum())
        return Output(self.synthesis(quantised, quantised / self.spread), bits)

    def _quantised(
        self, latents: Tensor, features: Tensor, seen: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Latents and symbols as the encoder rounds them, and scales; `seen` is the context.

        Gradients pass the rounding as if it were not there, except where the symbol is zero: there
        the reconstruction is the mean, and the rate does not tell the mean where to be.
        """
        together = torch.cat((features, self.context(seen / self.spread)), dim=1)
        scales, means = self.gaussians(self.last(self.entropy_parameters(together)), self.spread)
        residual = latents - means
        with torch.no_grad():
            symbols = cheapest(self.gaussian_conditional, residual, scales)
            error = symbols - residual
        return torch.where(symbols == 0, means, latents + error), residual + error, scales

    def _bounded_likelihood(self, symbols: Tensor, scales: Tensor) -> Tensor:
        gaussian = self.gaussian_conditional
        likelihood: Tensor = gaussian.likelihood_lower_bound(gaussian._likelihood(symbols, scales))
        return likelihood
