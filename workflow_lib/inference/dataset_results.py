"""What a study measured on one dataset with one segmenter, ready to be judged."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workflow_lib.config.datasets import Dataset
from workflow_lib.inference.bootstrap import block_df, image_df
from workflow_lib.inference.findings import Estimate
from workflow_lib.inference.points import BASELINE, ORIGINAL, RatePoint
from workflow_lib.inference.replicates import Floats, Replicates

_CERTAINLY_ZERO = Estimate(value=0, se=0, low=0, high=0, lower=0, upper=0)


@dataclass(frozen=True)
class DatasetResults:
    """Figures of one dataset and segmenter, all paired: the same blocks, the same seeds.

    Attributes:
        name, dataset, segmenter: what was scored.
        seeds: number of trainings.
        positive: which of the resampled blocks hold a labelled positive, bool [block].
        scenes: in which the blocks lie.
        block_px: side of such a block in pixels.
        correlation_px: correlation length of the labels in pixels.
        iou: of maps, those of originals and the threshold baseline among them.
        psnr: of coded points in dB; infinite without loss.
        bpppb: actual rates of coded points, float64 [seed].
        pooled: other figures of coded points over all blocks, averaged over seeds, by metric.
        training_tiles: of the segmenter, averaged over folds.
        codec_training_tiles: the same of each learned codec.
    """

    name: str
    dataset: Dataset
    segmenter: str
    seeds: int
    positive: NDArray[np.bool_]
    scenes: int
    block_px: int
    correlation_px: float
    iou: Mapping[RatePoint, Replicates]
    psnr: Mapping[RatePoint, Replicates]
    bpppb: Mapping[RatePoint, Floats]
    pooled: Mapping[tuple[RatePoint, str], float]
    training_tiles: int
    codec_training_tiles: Mapping[str, int]

    @property
    def df(self) -> int:
        """Degrees of freedom between blocks, of figures of maps."""
        return block_df(self.positive)

    @property
    def image_df(self) -> int:
        """The same of figures of images, which need no positives."""
        return image_df(self.positive)

    def rate(self, point: RatePoint) -> float:
        """Actual rate in bpppb, averaged over seeds, of a coded point or of what a map shows."""
        return float(self.bpppb[point.coded].mean())

    def points(self, codec: str, regime: str) -> list[RatePoint]:
        """A codec's maps in a regime, or without one its coded points, by rising actual rate."""
        known = self.iou if regime else self.psnr
        found = [point for point in known if (point.codec, point.regime) == (codec, regime)]
        return sorted(found, key=self.rate)

    def lossless(self, point: RatePoint) -> bool:
        """Whether nothing was lost in coding."""
        return bool(np.isinf(self.psnr[point.coded].value))

    def quality(self, point: RatePoint) -> Estimate:
        """PSNR of a coded point, or of what a map shows."""
        if self.lossless(point):
            return Estimate(reason="nothing was lost")
        return self.psnr[point.coded].estimate(self.image_df)

    def score(self, point: RatePoint) -> Estimate:
        """IoU of a map."""
        return self._missing(point) or self.iou[point].estimate(self.df)

    def change(self, point: RatePoint) -> Estimate:
        """IoU of a map minus that on originals, paired; exactly 0 where nothing was lost."""
        if undefined := self._missing(point, ORIGINAL):
            return undefined
        change = self.iou[point] - self.iou[ORIGINAL]
        if self.lossless(point) and change.is_always(0):
            return _CERTAINLY_ZERO
        return change.estimate(self.df)

    def gate(self) -> Estimate:
        """IoU on originals minus that of the threshold baseline, paired."""
        if undefined := self._missing(ORIGINAL):
            return undefined
        return (self.iou[ORIGINAL] - self.iou[BASELINE]).estimate(self.df)

    def _missing(self, *points: RatePoint) -> Estimate | None:
        for point in points:
            if point not in self.iou:
                return Estimate(reason=f"{point}: no maps were made")
        return None
