"""Windows of buckets for coding latents, each around the mean of a latent's mixture.

A window has 17 buckets: single values near the mean, then pairs, and one open bucket at each end.
For a wide mixture, buckets cover only the latent's higher bits. A bucket's probability comes from
an integer table of the normal distribution. The value within a bucket is coded with equal
probabilities, and so is the distance of a latent beyond the window.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from workflow_lib.codecs.learned.mixture import COARSEST, FINEST
from workflow_lib.errors import DownlinkError

MEAN_STEPS = 64
"""Means are multiples of 1/64."""
LEVELS_PER_OCTAVE = 16
"""Scales are 2^(level/16 − 5)."""
LEVELS = int((COARSEST - FINEST) * LEVELS_PER_OCTAVE) + 1
WEIGHT_STEPS = 16
"""Weights are multiples of 1/16 in log₂ before they become a table's integers."""
EDGES = (-9, -7, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 8, 10)
"""First value of every bucket except the lowest; the lowest and the highest bucket are open."""
_LEVEL_OF_WIDEST = math.floor((math.log2(3.2) - FINEST) * LEVELS_PER_OCTAVE)
"""Level of σ = 3.2, up to which the buckets cost at most 0.4 % more bits than a Gaussian."""
_CUMULATIVE_BITS = 18
_WEIGHT_BITS = 10
_STEPS_PER_SIGMA = 256
_SIGMAS = 8
_RECIPROCAL_BITS = 20
_FAR = 24 * MEAN_STEPS


class Mixtures(NamedTuple):
    """Mixtures of latents, as integers in float64, each [K, latent].

    Attributes:
        means: means in units of 1/64.
        levels: levels of the scales; see `LEVELS_PER_OCTAVE`.
        weights: weights up to a common factor.
    """

    means: Tensor
    levels: Tensor
    weights: Tensor


@dataclass(frozen=True)
class Windows:
    """Windows of latents; arrays [latent], on the CPU.

    Attributes:
        frequencies: frequencies of the 17 buckets up to a common factor, as integers in float64
            [latent, 17].
        origin: value at which bucket "0" begins.
        shift: number of the latent's low bits that the buckets do not cover.
    """

    frequencies: NDArray[np.float64]
    origin: NDArray[np.int32]
    shift: NDArray[np.int32]

    def repeated(self, times: int) -> "Windows":
        """Repeat all windows this number of times."""
        return Windows(
            np.tile(self.frequencies, (times, 1)),
            np.tile(self.origin, times),
            np.tile(self.shift, times),
        )


class Tables(nn.Module):
    """Integer tables in float64, stored with the weights so that no decoder computes them.

    Attributes:
        cumulative: normal distribution function in units of 2⁻¹⁸, from −8σ in steps of σ/256.
        per_sigma: steps of `cumulative` per 1/64 of a value, by level of σ, in units of 2⁻²⁰.
        weights: powers of two, 2^(10 − i/16).
    """

    cumulative: Tensor
    per_sigma: Tensor
    weights: Tensor

    def __init__(self) -> None:
        super().__init__()
        at = torch.arange(-_SIGMAS * _STEPS_PER_SIGMA, _SIGMAS * _STEPS_PER_SIGMA + 1)
        normal = torch.special.ndtr(at.double() / _STEPS_PER_SIGMA)
        sigmas = torch.exp2(torch.arange(LEVELS).double() / LEVELS_PER_OCTAVE + FINEST)
        halvings = torch.arange((_WEIGHT_BITS + 1) * WEIGHT_STEPS + 1).double() / WEIGHT_STEPS
        tables = {
            "cumulative": normal * (2**_CUMULATIVE_BITS - 1),
            "per_sigma": 2**_RECIPROCAL_BITS * _STEPS_PER_SIGMA / MEAN_STEPS / sigmas,
            "weights": torch.exp2(_WEIGHT_BITS - halvings),
        }
        for name, values in tables.items():
            self.register_buffer(name, values.round())

    def require_sane(self) -> None:
        """Check that the tables give valid probabilities.

        Raises:
            DownlinkError: a table is invalid.
        """
        rising = bool((self.cumulative.diff() >= 0).all()) and self.cumulative[0] >= 0
        if not rising or self.cumulative[-1] >= 2**_CUMULATIVE_BITS:
            raise DownlinkError("tables.cumulative: not a distribution function.")
        if not bool((self.per_sigma > 0).all() & (self.per_sigma < 2**40).all()):
            raise DownlinkError("tables.per_sigma: not positive scales.")
        falling = bool((self.weights.diff() <= 0).all()) and self.weights[-1] >= 0
        if self.weights[0] != 2**_WEIGHT_BITS or not falling:
            raise DownlinkError("tables.weights: not falling powers of two.")

    def windows(self, mixtures: Mixtures) -> Windows:
        """Compute the windows of latents from their mixtures."""
        means, levels, weights = mixtures
        total = weights.sum(0)
        centre = ((weights * means).sum(0) / (total * MEAN_STEPS)).add_(0.5).floor_()
        level = (weights * levels).sum(0).div_(total).floor_()
        octaves = (level - _LEVEL_OF_WIDEST).div_(LEVELS_PER_OCTAVE).ceil_()
        shift = octaves.clamp_(min=0)
        unit = torch.ones_like(shift, dtype=torch.int64).bitwise_left_shift_(shift.long()).double()
        origin = centre - (unit / 2).floor_()
        # distance from each component's mean to the lower edge of bucket "0", in 1/64 of a bucket
        base = (MEAN_STEPS * origin - MEAN_STEPS // 2 - means).div_(unit).floor_()
        base = base.clamp_(-_FAR, _FAR)
        relative = levels.sub(LEVELS_PER_OCTAVE * shift).clamp_(min=0)
        frequencies = self._frequencies(base, self.per_sigma[relative.long()], weights)
        return Windows(
            frequencies.cpu().numpy(),
            origin.to(torch.int32).cpu().numpy(),
            shift.to(torch.int32).cpu().numpy(),
        )

    def _frequencies(self, base: Tensor, per_sigma: Tensor, weights: Tensor) -> Tensor:
        """Compute the buckets' frequencies, float64 [latent, 17]; sums stay below 2³¹.

        They are in float64, because constriction panics if float32 rounds such sums.
        """
        edges = torch.tensor(EDGES, dtype=torch.float64, device=base.device) * MEAN_STEPS
        middle = _SIGMAS * _STEPS_PER_SIGMA
        table = self.cumulative.to(torch.int32)
        below = torch.zeros(base.shape[1], len(EDGES), dtype=torch.int32, device=base.device)
        for offset, slope, weight in zip(base, per_sigma, weights, strict=True):
            at = (offset[:, None] + edges).mul_(slope[:, None]).mul_(2.0**-_RECIPROCAL_BITS)
            at = at.floor_().clamp_(-middle, middle).add_(middle).to(torch.int32)
            found = table.index_select(0, at.flatten()).view(at.shape)
            below.addcmul_(found, weight.to(torch.int32)[:, None])
        whole = weights.sum(0).to(torch.int32)[:, None] * (2**_CUMULATIVE_BITS - 1)
        return torch.diff(below, dim=1, prepend=torch.zeros_like(whole), append=whole).double()
