"""Replicates of a figure: its value in every resample of blocks and for every training seed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from workflow_lib.inference.findings import Estimate
from workflow_lib.inference.intervals import estimate

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Replicates:
    """A figure with its values over resamples and seeds; nan where it is undefined.

    Attributes:
        value: the figure over all blocks, from counts averaged over seeds.
        resampled: the figure in every resample of the blocks, float64 [resample].
        by_seed: the figure over all blocks, from the counts of each seed, float64 [seed].
    """

    value: float
    resampled: Floats
    by_seed: Floats

    def __sub__(self, other: Self) -> Self:
        """Paired difference of two figures."""
        return type(self)(
            self.value - other.value,
            self.resampled - other.resampled,
            self.by_seed - other.by_seed,
        )

    @classmethod
    def mean(cls, parts: Sequence[Self]) -> Self:
        """Paired mean of several figures."""
        return cls(
            float(np.mean([part.value for part in parts])),
            np.mean([part.resampled for part in parts], axis=0),
            np.mean([part.by_seed for part in parts], axis=0),
        )

    def estimate(self, blocks_df: int) -> Estimate:
        """Estimate the figure's uncertainty; see `intervals.estimate`."""
        return estimate(self.value, self.resampled, self.by_seed, blocks_df)

    def is_always(self, value: float) -> bool:
        """Whether the figure equals `value` in every resample and for every seed."""
        return all(bool(np.all(part == value)) for part in (self.resampled, self.by_seed))


def replicates(
    sums: Floats, weights: Floats, seeds: int, figure: Callable[[Floats], Floats]
) -> Replicates:
    """Compute a figure from sums over blocks, for every resample and seed.

    Args:
        sums: sums in each block, float64 [sum, seed, block]; one seed if nothing was trained.
        weights: weights of the blocks in each resample, float64 [resample, block].
        seeds: number of training seeds.
        figure: maps sums over all blocks, [sum, ...], to figures, [...].
    """
    averaged = sums.mean(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return Replicates(
            float(figure(averaged.sum(axis=1))),
            figure(averaged @ weights.T),
            np.broadcast_to(figure(sums.sum(axis=2)), seeds),
        )
