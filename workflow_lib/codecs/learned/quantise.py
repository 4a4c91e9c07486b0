"""Rounding of latents with an eye on their bits."""

import math

from compressai.entropy_models import GaussianConditional
from torch import Tensor, where

_BITS_PER_SQUARED_ERROR = 6 / math.log(2)


def cheapest(gaussian: GaussianConditional, residual: Tensor, scales: Tensor) -> Tensor:
    """The nearest integers, or their neighbours towards zero where these cost less in all.

    Cost is bits + (6/ln 2)·error²: the latents' unit is the step Δ with λ·Δ² = 6/ln 2, see
    `quantiser_step`, so that λ itself drops out.

    Args:
        gaussian: the model of the symbols.
        residual: latents less their means, any shape.
        scales: standard deviations, same shape.
    """
    nearest = residual.round()
    inner = nearest - nearest.sign()
    worse = _cost(gaussian, residual, nearest, scales) > _cost(gaussian, residual, inner, scales)
    return where(worse, inner, nearest)


def _cost(
    gaussian: GaussianConditional, residual: Tensor, symbols: Tensor, scales: Tensor
) -> Tensor:
    likelihood: Tensor = gaussian._likelihood(symbols, scales).clamp_min(1e-9)
    return _BITS_PER_SQUARED_ERROR * (residual - symbols).square() - likelihood.log2()
