"""How good maps are."""

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
    """Labelled pixels of each tile by outcome, int64 [tile]."""

    tp: NDArray[np.int64]
    fp: NDArray[np.int64]
    fn: NDArray[np.int64]
    tn: NDArray[np.int64]

    @classmethod
    def join(cls, parts: Iterable[Self]) -> Self:
        """The counts of the tiles of all parts."""
        parts = list(parts)
        return cls(**{n: np.concatenate([getattr(part, n) for part in parts]) for n in _outcomes()})

    @classmethod
    def from_rows(cls, rows: "pd.DataFrame") -> Self:
        """The counts behind the rows of tiles that `per_tile` made, of one map."""
        tiles = rows[rows["row"].notna()]
        wide = tiles.pivot(index=["scene", "row", "col"], columns="metric", values="value")
        return cls(**{name: wide[name].to_numpy(np.int64) for name in _outcomes()})

    def summed(self) -> Self:
        """The counts of all tiles together, as if they were one."""
        return type(self)(**{n: getattr(self, n).sum(keepdims=True) for n in _outcomes()})

    def pooled(self) -> dict[str, float]:
        """Scores of all tiles together: sums first, then the ratio."""
        return {name: float(value[0]) for name, value in self.summed().per_tile().items()}

    def per_tile(self) -> dict[str, Floats]:
        """Scores of each tile, float64 [tile], by metric name.

        A score is nan where it is undefined: IoU and F1 where nothing is labelled and nothing
        predicted, precision where nothing is predicted, recall where nothing is labelled.
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
        label: uint8 [tile, y, x]; 255 counts nowhere. See `segmentation.labels.scored_label`.
        predicted: bool [tile, y, x].
    """
    # in torchmetrics 1.9 samplewise counts of a single tile raise IndexError
    positive, negative = label == 1, label == 0
    return Confusion(
        tp=_count(positive & predicted),
        fp=_count(negative & predicted),
        fn=_count(positive & ~predicted),
        tn=_count(negative & ~predicted),
    )


def average_precision(label: NDArray[np.uint8], probability: NDArray[np.float32]) -> float:
    """Area below the precision–recall curve of all labelled pixels together.

    Args:
        label: uint8 [tile, y, x]; 255 counts nowhere.
        probability: float32 [tile, y, x], 0 to 1.

    Returns:
        nan where no pixel is positive.
    """
    # torchmetrics agrees (tests), but takes longer to import than a job takes to score
    counted = label != IGNORE
    target = label[counted] == 1
    if not target.any():
        return float("nan")
    falling = np.argsort(-probability[counted], kind="stable")
    scores, hits = probability[counted][falling], np.cumsum(target[falling])
    last = np.append(np.flatnonzero(np.diff(scores)), scores.size - 1)  # equal scores fall together
    precision, recall = hits[last] / (last + 1), hits[last] / hits[-1]
    return float(np.sum(np.diff(recall, prepend=0) * precision))


def _outcomes() -> tuple[str, ...]:
    return (metric_names.TP, metric_names.FP, metric_names.FN, metric_names.TN)


def _count(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    return np.asarray(mask.sum(axis=(1, 2)), np.int64)


def _ratio(numerator: NDArray[np.int64], denominator: NDArray[np.int64]) -> Floats:
    with np.errstate(invalid="ignore"):
        return np.asarray(np.divide(numerator, denominator))
