"""One figure in every resample of the blocks and for every seed of the trainings."""

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
    """A figure with what becomes of it; nan where it is undefined.

    Attributes:
        value: over all blocks, of the counts averaged over seeds.
        resampled: the same in every resample of the blocks, float64 [resample].
        by_seed: over all blocks, of every seed's own counts, float64 [seed].
    """

    value: float
    resampled: Floats
    by_seed: Floats

    def __sub__(self, other: Self) -> Self:
        """The paired difference."""
        return type(self)(
            self.value - other.value,
            self.resampled - other.resampled,
            self.by_seed - other.by_seed,
        )

    @classmethod
    def mean(cls, parts: Sequence[Self]) -> Self:
        """The mean of several figures, paired."""
        return cls(
            float(np.mean([part.value for part in parts])),
            np.mean([part.resampled for part in parts], axis=0),
            np.mean([part.by_seed for part in parts], axis=0),
        )

    def estimate(self, blocks_df: int) -> Estimate:
        """The figure with its uncertainty; see `intervals.estimate`."""
        return estimate(self.value, self.resampled, self.by_seed, blocks_df)

    def is_always(self, value: float) -> bool:
        """Whether the figure is this one in every resample and for every seed."""
        return all(bool(np.all(part == value)) for part in (self.resampled, self.by_seed))


def replicates(
    sums: Floats, weights: Floats, seeds: int, figure: Callable[[Floats], Floats]
) -> Replicates:
    """A figure of sums over blocks.

    Args:
        sums: what the figure is made of, float64 [sum, seed, block]; one seed where nothing was
            trained.
        weights: of the blocks in every resample, float64 [resample, block].
        seeds: of the trainings.
        figure: from sums over all blocks, [sum, ...], to figures, [...].
    """
    averaged = sums.mean(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return Replicates(
            float(figure(averaged.sum(axis=1))),
            figure(averaged @ weights.T),
            np.broadcast_to(figure(sums.sum(axis=2)), seeds),
        )
