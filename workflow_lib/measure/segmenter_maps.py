"""Make maps with a trained segmenter.

This module is separate from `measure.maps` because it needs torch.
"""

from pathlib import Path

import numpy as np

from workflow_lib.data.tiles import Tiles
from workflow_lib.measure.maps import Predictions
from workflow_lib.segmentation.predict import predict


def predictions_of(weights: Path, seen: Tiles) -> Predictions:
    """Map tiles, originals or reconstructions, with a trained segmenter."""
    probability, threshold = predict(weights, seen.image)
    return Predictions(probability, np.float64(threshold), seen.scene, seen.row, seen.col)
