"""The maps that a trained segmenter makes; apart from `maps`, which needs no torch."""

from pathlib import Path

import numpy as np

from workflow_lib.data.tiles import Tiles
from workflow_lib.measure.maps import Predictions
from workflow_lib.segmentation.predict import predict


def predictions_of(weights: Path, seen: Tiles) -> Predictions:
    """The maps that a segmenter makes of tiles, originals or reconstructions."""
    probability, threshold = predict(weights, seen.image)
    return Predictions(probability, np.float64(threshold), seen.scene, seen.row, seen.col)
