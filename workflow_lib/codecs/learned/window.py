"""What is coded of a latent: a bucket of a narrow window around its mixture, and the rest.

The window has 17 buckets around the mixture's mean: single values, then pairs, then whatever lies
beyond. Where the mixture is wide, all of this happens on the latents' higher bits. A bucket's
probability comes from an integer table of the normal distribution; which of its values it is, is
coded with even odds, and so is how far a latent lies beyond the window.
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
"""First values of all buckets but the lowest, which is open; the highest is open, too."""
_LEVEL_OF_WIDEST = math.floor((math.log2(3.2) - FINEST) * LEVELS_PER_OCTAVE)
"""Up to σ = 3.2 the buckets describe a Gaussian well: within 0.4 % of its bits."""
_CUMULATIVE_BITS = 18
_WEIGHT_BITS = 10
_STEPS_PER_SIGMA = 256
_SIGMAS = 8
_RECIPROCAL_BITS = 20
_FAR = 24 * MEAN_STEPS


class Mixtures(NamedTuple):
    """Integers in float64, each [K, latent].

    Attributes:
        means: in 1/64.
        levels: of the scales.
        weights: up to a common factor.
    """

    means: Tensor
    levels: Tensor
    weights: Tensor


@dataclass(frozen=True)
class Windows:
    """How each of some latents is coded; arrays [latent], on the CPU.

    Attributes:
        frequencies: of the 17 buckets, up to a common factor, integers in float64 [latent, 17].
        origin: the value at which bucket "0" begins.
        shift: bits below the window.
    """

    frequencies: NDArray[np.float64]
    origin: NDArray[np.int32]
    shift: NDArray[np.int32]

    def repeated(self, times: int) -> "Windows":
        """All of them again and again."""
        return Windows(
            np.tile(self.frequencies, (times, 1)),
            np.tile(self.origin, times),
            np.tile(self.shift, times),
        )


class Tables(nn.Module):
    """Integer tables in float64, stored with the weights so that no decoder computes them.

    Attributes:
        cumulative: the normal distribution function in 1/2¹⁸, from −8σ in steps of σ/256.
        per_sigma: by level of σ: steps of `cumulative` in 1/64, in units of 2⁻²⁰.
        weights: 2^(10 − i/16).
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
        """Raises:
        DownlinkError: these tables would not give probabilities.
        """
        rising = bool((self.cumulative.diff() >= 0).all()) and self.cumulative[0] >= 0
        if not rising or self.cumulative[-1] >= 2**_CUMULATIVE_BITS:
            raise DownlinkError("tables.cumulative: no distribution function.")
        if not bool((self.per_sigma > 0).all() & (self.per_sigma < 2**40).all()):
            raise DownlinkError("tables.per_sigma: no scales.")
        falling = bool((self.weights.diff() <= 0).all()) and self.weights[-1] >= 0
        if self.weights[0] != 2**_WEIGHT_BITS or not falling:
            raise DownlinkError("tables.weights: no falling powers of two.")

    def windows(self, mixtures: Mixtures) -> Windows:
        """The windows of latents."""
        means, levels, weights = mixtures
        total = weights.sum(0)
        centre = ((weights * means).sum(0) / (total * MEAN_STEPS)).add_(0.5).floor_()
        level = (weights * levels).sum(0).div_(total).floor_()
        octaves = (level - _LEVEL_OF_WIDEST).div_(LEVELS_PER_OCTAVE).ceil_()
        shift = octaves.clamp_(min=0)
        unit = torch.ones_like(shift, dtype=torch.int64).bitwise_left_shift_(shift.long()).double()
        origin = centre - (unit / 2).floor_()
        # from each component's mean to the lower edge of bucket "0", in 1/64 of a bucket
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
        """Of the buckets, float64 [latent, 17]; sums stay below 2³¹.

        constriction panics where float32 would round sums of so many bits.
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
