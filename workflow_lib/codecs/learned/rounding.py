"""Rounding of latents: plain, but with a dead zone."""

import math

import torch
from torch import Tensor

_BITS_PER_SQUARED_ERROR = 6 / math.log(2)
"""λ·Δ² of the rounding step Δ; see `klt_start.quantiser_step`."""
_WIDEST = 0.45


def dead_zone(spread: Tensor) -> Tensor:
    """By how much a latent's fraction must exceed ½ for it to be rounded away from zero.

    Rounding up pays where the squared error saved is worth more than the bits: in a channel with a
    Laplacian of deviation `spread` a one costs log₂(P(0)/P(1)) bits more than a zero. Known to the
    encoder beforehand, so that all latents are rounded at once.
    """
    scale = spread / math.sqrt(2)
    below_half = torch.exp(-0.5 / scale)
    one = 0.5 * below_half * (1 - torch.exp(-1 / scale))
    bits = ((1 - below_half) / one.clamp_min(1e-30)).log2()
    return (bits / (2 * _BITS_PER_SQUARED_ERROR)).clamp(0, _WIDEST)


def quantised(latents: Tensor, zone: Tensor) -> Tensor:
    """Integers near the latents: a fraction is rounded away from zero if it exceeds ½ + zone.

    Gradients pass as if nothing had happened, except at a zero of a channel with a zone: nothing
    is coded there, so the distortion says nothing of the latent, and passing it on led the
    analysis astray.

    Args:
        latents: [batch, M, y, x].
        zone: of `dead_zone`, or zeros, [M, 1, 1].
    """
    integers = latents.sign() * (latents.abs() + 0.5 - zone).floor().clamp_min(0)
    return torch.where((integers == 0) & (zone > 0), integers, passing(latents, integers))


def passing(values: Tensor, rounded: Tensor) -> Tensor:
    """The rounded values, with the gradient of the values themselves."""
    return values + (rounded - values).detach()
