"""Store maps of held-out tiles and score them against the labels."""

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from workflow_lib.data.tiles import Tiles
from workflow_lib.files import atomic
from workflow_lib.measure import metric_names
from workflow_lib.measure.correlation import correlation_length
from workflow_lib.measure.rows import Key, join, pooled_rows, tile_rows
from workflow_lib.measure.scores import MapScores
from workflow_lib.measure.segmentation import average_precision
from workflow_lib.segmentation.labels import scored_label
from workflow_lib.segmentation.threshold_baseline import ThresholdBaseline


@dataclass(frozen=True)
class Predictions:
    """Maps that a segmenter made.

    Attributes:
        probability: of the positive class, float32 [tile, y, x].
        threshold: a pixel is mapped where probability ≥ threshold.
        scene, row, col: identify the tiles, [tile].
    """

    probability: NDArray[np.float32]
    threshold: np.float64
    scene: NDArray[np.str_]
    row: NDArray[np.int32]
    col: NDArray[np.int32]


def write_predictions(predictions: Predictions, file: Path) -> None:
    """Write maps to a compressed npz file."""
    with atomic(file) as draft, draft.open("wb") as handle:
        np.savez_compressed(handle, allow_pickle=False, **asdict(predictions))


def read_predictions(file: Path) -> Predictions:
    """Read maps that `write_predictions` wrote."""
    with np.load(file, allow_pickle=False) as stored:
        return Predictions(**{name: stored[name] for name in stored.files})


def score_table(
    key: Key, originals: Tiles, predictions: Predictions, training_tiles: int
) -> pa.Table:
    """Score every tile, and the fold's tiles together, against the originals' labels.

    Args:
        key: identifies the maps; its fold is the held-out one.
        originals: tiles of that fold.
        predictions: maps of the same tiles.
        training_tiles: number of tiles that the segmenter was trained on.

    Returns:
        A tidy table, see `measure.table`.
    """
    precision = average_precision(scored_label(originals), predictions.probability)
    figures = {
        metric_names.AVERAGE_PRECISION: precision,
        metric_names.TRAINING_TILES: float(training_tiles),
    }
    return _score_rows(key, originals, predictions.probability >= predictions.threshold, figures)


def baseline_table(baseline: ThresholdBaseline, tiles: Tiles, fold: int) -> pa.Table:
    """Score a threshold baseline on one fold and measure the labels' correlation length.

    Args:
        baseline: the threshold baseline, chosen on the other folds.
        tiles: tiles of all folds. The correlation length uses all of them.
        fold: the held-out fold.

    Returns:
        A tidy table, see `measure.table`.
    """
    key = Key(tiles.info.dataset, regime="baseline", fold=fold)
    held_out = tiles.of_fold(fold)
    figures = {metric_names.CORRELATION_PX: correlation_length(tiles)}
    return _score_rows(key, held_out, baseline.predict(held_out.image), figures)


def _score_rows(
    key: Key, tiles: Tiles, predicted: NDArray[np.bool_], figures: dict[str, float]
) -> pa.Table:
    """Scores of a map as rows; `figures` are added to those of all tiles together."""
    scores = MapScores.of(tiles, predicted)
    return join(
        [tile_rows(key, tiles, scores.per_tile()), pooled_rows(key, figures | scores.pooled())]
    )
