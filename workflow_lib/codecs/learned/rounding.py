"""Round latents to integers with a dead zone."""

import math

import torch
from torch import Tensor

_BITS_PER_SQUARED_ERROR = 6 / math.log(2)
"""λ·Δ² of the rounding step Δ; see `klt_start.quantiser_step`."""
_WIDEST = 0.45


def dead_zone(spread: Tensor) -> Tensor:
    """Compute by how much a fraction must exceed ½ to be rounded away from zero, [M, 1, 1].

    Rounding away from zero reduces the loss only if the saved squared error outweighs the bits. In
    a channel with a Laplacian of standard deviation `spread`, a one costs log₂(P(0)/P(1)) bits more
    than a zero. The zone does not depend on other latents, so that all are rounded at once.
    """
    scale = spread / math.sqrt(2)
    below_half = torch.exp(-0.5 / scale)
    one = 0.5 * below_half * (1 - torch.exp(-1 / scale))
    bits = ((1 - below_half) / one.clamp_min(1e-30)).log2()
    return (bits / (2 * _BITS_PER_SQUARED_ERROR)).clamp(0, _WIDEST)


def quantised(latents: Tensor, zone: Tensor) -> Tensor:
    """Round latents to integers, away from zero if the fraction is at least ½ + zone.

    Gradients pass unchanged, except at zeros of channels with a dead zone. There the decoded value
    is independent of the latent, and passing the distortion's gradient made training worse.

    Args:
        latents: [batch, M, y, x].
        zone: dead zone of each channel, [M, 1, 1]; see `dead_zone`. Zeros round to nearest.
    """
    integers = latents.sign() * (latents.abs() + 0.5 - zone).floor().clamp_min(0)
    return torch.where((integers == 0) & (zone > 0), integers, passing(latents, integers))


def passing(values: Tensor, rounded: Tensor) -> Tensor:
    """Return the rounded values, with the gradient of the unrounded values."""
    return values + (rounded - values).detach()
