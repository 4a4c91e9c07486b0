"""Results of one dataset with one segmenter, the input of all statistics."""

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
    """Figures of one dataset and segmenter, paired over the same blocks and seeds.

    Attributes:
        name, dataset, segmenter: the scored dataset, its configuration and the segmenter's name.
        seeds: number of training seeds.
        positive: which of the resampled blocks hold a labelled positive, bool [block].
        scenes: number of scenes that hold the blocks.
        block_px: side of a block in pixels.
        correlation_px: correlation length of the labels in pixels.
        iou: IoU of all maps, including those of originals and of the threshold baseline.
        psnr: PSNR of coded points in dB; infinite for lossless points.
        bpppb: actual rates of coded points, float64 [seed].
        pooled: other figures of coded points over all blocks, averaged over seeds.
        training_tiles: number of training tiles of the segmenter, averaged over folds.
        codec_training_tiles: the same for each learned codec.
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
        """Degrees of freedom between blocks, for scores of maps."""
        return block_df(self.positive)

    @property
    def image_df(self) -> int:
        """Degrees of freedom between blocks, for distortion of images."""
        return image_df(self.positive)

    def rate(self, point: RatePoint) -> float:
        """Actual rate in bpppb, averaged over seeds, of a coded point or a map's input."""
        return float(self.bpppb[point.coded].mean())

    def points(self, codec: str, regime: str) -> list[RatePoint]:
        """Maps of a codec in a regime, or its coded points if `regime` is empty, sorted by rate."""
        known = self.iou if regime else self.psnr
        found = [point for point in known if (point.codec, point.regime) == (codec, regime)]
        return sorted(found, key=self.rate)

    def lossless(self, point: RatePoint) -> bool:
        """Whether the point was coded losslessly."""
        return bool(np.isinf(self.psnr[point.coded].value))

    def quality(self, point: RatePoint) -> Estimate:
        """PSNR in dB of a coded point or of a map's input."""
        if self.lossless(point):
            return Estimate(reason="the point is lossless")
        return self.psnr[point.coded].estimate(self.image_df)

    def score(self, point: RatePoint) -> Estimate:
        """IoU of a map."""
        return self._missing(point) or self.iou[point].estimate(self.df)

    def change(self, point: RatePoint) -> Estimate:
        """IoU of a map minus IoU on originals, paired; exactly 0 for equal lossless maps."""
        if undefined := self._missing(point, ORIGINAL):
            return undefined
        change = self.iou[point] - self.iou[ORIGINAL]
        if self.lossless(point) and change.is_always(0):
            return _CERTAINLY_ZERO
        return change.estimate(self.df)

    def gate(self) -> Estimate:
        """IoU on originals minus IoU of the threshold baseline, paired."""
        if undefined := self._missing(ORIGINAL):
            return undefined
        return (self.iou[ORIGINAL] - self.iou[BASELINE]).estimate(self.df)

    def _missing(self, *points: RatePoint) -> Estimate | None:
        for point in points:
            if point not in self.iou:
                return Estimate(reason=f"{point}: no maps were made")
        return None
