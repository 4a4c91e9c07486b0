"""Discretised Gaussian mixtures in floating point, for training.

Z. Cheng, H. Sun, M. Takeuchi, J. Katto, "Learned Image Compression with Discretized Gaussian
Mixture Likelihoods and Attention Modules", CVPR 2020, equation 9.
"""

import math
from typing import NamedTuple, Self

import torch
from torch import Tensor

from workflow_lib.codecs.learned.layers import LowerBound

FINEST, COARSEST = -5.0, 12.0
"""Range of log₂ σ."""
_LEAST_LIKELIHOOD = 1e-9
_TALLEST, _FLATTEST = -1.5, 0.7
"""log₂ of the components' initial scales, for about unit variance with heavy tails."""


class Mixture(NamedTuple):
    """Parameters of each latent's mixture, in rounding steps.

    Attributes:
        means: [batch, K, M, y, x].
        log_scales: log₂ σ, same shape.
        log_weights: log₂ of the weights, up to a common summand, same shape.
    """

    means: Tensor
    log_scales: Tensor
    log_weights: Tensor

    @classmethod
    def of(cls, parameters: Tensor, components: int, spread: Tensor) -> Self:
        """Build the mixture from a network's output.

        Args:
            parameters: [batch, P·K·M, y, x]: means and log₂ scales in units of the spread, and
                log₂ weights if K > 1.
            components: number K of Gaussian components.
            spread: the unit of each channel's latents, [M, 1, 1].
        """
        count = parameters_per_component(components)
        batch, _, height, width = parameters.shape
        split = parameters.reshape(batch, count, components, -1, height, width)
        scales = (split[:, 1] + spread.log2()).clamp(FINEST, COARSEST)
        weights = split[:, 2] if components > 1 else torch.zeros_like(scales)
        return cls(split[:, 0] * spread, scales, weights)

    def bits(self, values: Tensor) -> Tensor:
        """Compute the total bits of integer values [batch, M, y, x], a scalar."""
        distance = (values[:, None] - self.means).abs()
        slope = -math.sqrt(0.5) * torch.exp2(-self.log_scales)
        upper = torch.erfc(slope * (0.5 - distance))
        lower = torch.erfc(slope * (-0.5 - distance))
        weights = torch.softmax(self.log_weights * math.log(2), dim=1)
        likelihood = (weights * 0.5 * (upper - lower)).sum(1)
        bounded: Tensor = LowerBound(_LEAST_LIKELIHOOD).to(likelihood.device)(likelihood)
        return -bounded.log2().sum()


def parameters_per_component(components: int) -> int:
    """Number of parameters: mean and scale, and a weight if there are several components."""
    return 2 if components == 1 else 3


def start_parameters(components: int, channels: int) -> Tensor:
    """Return a network's output [P·K·M] that means zero-mean mixtures of the spread's variance."""
    start = torch.zeros(parameters_per_component(components), components, channels)
    if components > 1:
        start[1] = torch.linspace(_TALLEST, _FLATTEST, components)[:, None]
    return start.flatten()
