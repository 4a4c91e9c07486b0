"""Confusion counts, IoU, F1, precision, recall and average precision of maps."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from workflow_lib.data.pixel_values import IGNORE
from workflow_lib.measure import metric_names

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Confusion:
    """Number of labelled pixels in each tile by outcome, int64 [tile]."""

    tp: NDArray[np.int64]
    fp: NDArray[np.int64]
    fn: NDArray[np.int64]
    tn: NDArray[np.int64]

    @classmethod
    def join(cls, parts: Iterable[Self]) -> Self:
        """Concatenate the counts of several sets of tiles."""
        parts = list(parts)
        return cls(**{n: np.concatenate([getattr(part, n) for part in parts]) for n in _outcomes()})

    @classmethod
    def from_rows(cls, rows: "pd.DataFrame") -> Self:
        """Recover the counts from rows of tiles that `per_tile` made, for one map."""
        tiles = rows[rows["row"].notna()]
        wide = tiles.pivot(index=["scene", "row", "col"], columns="metric", values="value")
        return cls(**{name: wide[name].to_numpy(np.int64) for name in _outcomes()})

    def summed(self) -> Self:
        """Add up the counts of all tiles; int64 [1] each."""
        return type(self)(**{n: getattr(self, n).sum(keepdims=True) for n in _outcomes()})

    def pooled(self) -> dict[str, float]:
        """Scores of all tiles together, by metric name: ratios of sums, not means of ratios."""
        return {name: float(value[0]) for name, value in self.summed().per_tile().items()}

    def per_tile(self) -> dict[str, Floats]:
        """Scores of each tile, float64 [tile], by metric name.

        Undefined scores are nan. Precision needs a predicted pixel and recall needs a labelled
        one. IoU and F1 need either.
        """
        return {
            metric_names.IOU: _ratio(self.tp, self.tp + self.fp + self.fn),
            metric_names.F1: _ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn),
            metric_names.PRECISION: _ratio(self.tp, self.tp + self.fp),
            metric_names.RECALL: _ratio(self.tp, self.tp + self.fn),
            **{name: getattr(self, name).astype(np.float64) for name in _outcomes()},
        }


def confusion(label: NDArray[np.uint8], predicted: NDArray[np.bool_]) -> Confusion:
    """Compare maps with labels, tile by tile.

    Args:
        label: uint8 [tile, y, x]; 255 is ignored. See `segmentation.labels.scored_label`.
        predicted: bool [tile, y, x].
    """
    # not from torchmetrics 1.9: its samplewise counts raise IndexError for a single tile
    positive, negative = label == 1, label == 0
    return Confusion(
        tp=_count(positive & predicted),
        fp=_count(negative & predicted),
        fn=_count(positive & ~predicted),
        tn=_count(negative & ~predicted),
    )


def average_precision(label: NDArray[np.uint8], probability: NDArray[np.float32]) -> float:
    """Area under the precision–recall curve of all labelled pixels together.

    Args:
        label: uint8 [tile, y, x]; 255 is ignored.
        probability: of the positive class, float32 [tile, y, x], 0 to 1.

    Returns:
        Average precision, or nan if no pixel is positive.
    """
    # not from torchmetrics: its import takes longer than scoring; a test compares the two
    counted = label != IGNORE
    target = label[counted] == 1
    if not target.any():
        return float("nan")
    falling = np.argsort(-probability[counted], kind="stable")
    scores, hits = probability[counted][falling], np.cumsum(target[falling])
    last = np.append(
        np.flatnonzero(np.diff(scores)), scores.size - 1
    )  # equal scores share a threshold
    precision, recall = hits[last] / (last + 1), hits[last] / hits[-1]
    return float(np.sum(np.diff(recall, prepend=0) * precision))


def _outcomes() -> tuple[str, ...]:
    return (metric_names.TP, metric_names.FP, metric_names.FN, metric_names.TN)


def _count(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    return np.asarray(mask.sum(axis=(1, 2)), np.int64)


def _ratio(numerator: NDArray[np.int64], denominator: NDArray[np.int64]) -> Floats:
    with np.errstate(invalid="ignore"):
        return np.asarray(np.divide(numerator, denominator))
