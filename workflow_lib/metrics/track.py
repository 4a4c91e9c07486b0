"""One codec's quality over its rate, with all replicates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from workflow_lib.metrics.curves import Curve
from workflow_lib.metrics.points import Point
from workflow_lib.metrics.replicates import Floats, Replicates


@dataclass(frozen=True)
class Track:
    """A curve with what becomes of it, by rising actual rate; lossless points are left out.

    Attributes:
        rate: in bpppb, averaged over seeds, float64 [point].
        value: PSNR or IoU, float64 [point].
        resampled: in every resample of the blocks, float64 [resample, point].
        rate_by_seed, by_seed: of every seed, float64 [seed, point].
    """

    rate: Floats
    value: Floats
    resampled: Floats
    rate_by_seed: Floats
    by_seed: Floats

    @classmethod
    def of(
        cls,
        points: Sequence[Point],
        quality: Mapping[Point, Replicates],
        bpppb: Mapping[Point, Floats],
    ) -> Self:
        """The track through lossy points; points that repeat another's rate and quality are one."""
        rates = np.array([bpppb[point.coded].mean() for point in points])
        values = np.array([quality[point].value for point in points])
        _, kept = np.unique(np.stack([rates, values], axis=1), axis=0, return_index=True)
        chosen = [points[index] for index in kept]
        return cls(
            rate=rates[kept],
            value=values[kept],
            resampled=np.stack([quality[point].resampled for point in chosen], axis=1),
            rate_by_seed=np.stack([bpppb[point.coded] for point in chosen], axis=1),
            by_seed=np.stack([quality[point].by_seed for point in chosen], axis=1),
        )

    @property
    def curve(self) -> Curve:
        """Over all seeds."""
        return Curve.of(self.rate, self.value)

    def curve_of_seed(self, seed: int) -> Curve:
        """Of one seed, by its place among the seeds."""
        return Curve.of(self.rate_by_seed[seed], self.by_seed[seed])
