"""Scores of maps of the held-out tiles."""

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workflow_lib.data.tiles import Tiles
from workflow_lib.files import atomic
from workflow_lib.metrics import names
from workflow_lib.metrics.segmentation import average_precision, confusion
from workflow_lib.metrics.table import Key, join, pooled_rows, tile_rows
from workflow_lib.segmentation.labels import scored_label
from workflow_lib.segmentation.trivial import TrivialMap


@dataclass(frozen=True)
class Predictions:
    """A segmenter's maps.

    Attributes:
        probability: float32 [tile, y, x].
        threshold: the map is probability ≥ threshold.
        scene, row, col: the tiles, [tile].
    """

    probability: NDArray[np.float32]
    threshold: np.float64
    scene: NDArray[np.str_]
    row: NDArray[np.int32]
    col: NDArray[np.int32]


def predictions_of(weights: Path, seen: Tiles) -> Predictions:
    """The maps that a segmenter makes of tiles, originals or reconstructions."""
    from workflow_lib.segmentation.predict import predict

    probability, threshold = predict(weights, seen.image)
    return Predictions(probability, np.float64(threshold), seen.scene, seen.row, seen.col)


def write_predictions(predictions: Predictions, file: Path) -> None:
    """Store maps as a compressed npz file."""
    with atomic(file) as draft, draft.open("wb") as handle:
        np.savez_compressed(handle, allow_pickle=False, **asdict(predictions))


def read_predictions(file: Path) -> Predictions:
    """What `write_predictions` wrote."""
    with np.load(file, allow_pickle=False) as stored:
        return Predictions(**{name: stored[name] for name in stored.files})


def score_table(key: Key, originals: Tiles, predictions: Predictions) -> pd.DataFrame:
    """Scores of every tile and of all together, against the labels of the original tiles."""
    label = scored_label(originals)
    counts = confusion(label, predictions.probability >= predictions.threshold)
    precision = average_precision(label, predictions.probability)
    figures = {**counts.pooled(), names.AVERAGE_PRECISION: precision}
    return join([tile_rows(key, originals, counts.per_tile()), pooled_rows(key, figures)])


def trivial_table(trivial: TrivialMap, originals: Tiles) -> pd.DataFrame:
    """Scores of a trivial map of the original tiles."""
    key = Key(originals.info.dataset, regime="trivial")
    counts = confusion(scored_label(originals), trivial.predict(originals.image))
    return join([tile_rows(key, originals, counts.per_tile()), pooled_rows(key, counts.pooled())])
