"""Predict maps with trained segmenters."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from workflow_lib.errors import DownlinkError
from workflow_lib.segmentation.unet import UNet

_BATCH = 16


def predict(weights: Path, image: NDArray[np.uint16]) -> tuple[NDArray[np.float32], float]:
    """Predict the probability of the positive class, and load the segmenter's threshold.

    Args:
        weights: file that `train_segmenter` wrote.
        image: counts, uint16 [tile, band, y, x], originals or reconstructions, of any tile size.

    Returns:
        Probabilities, float32 [tile, y, x], and the threshold t: the map is `probability >= t`.

    Raises:
        DownlinkError: the weights are missing, damaged or for another number of bands.
    """
    model = opened(weights, image.shape[1])
    return probabilities(model, image), float(model.threshold)


def opened(weights: Path, bands: int) -> UNet:
    """Load a segmenter, and check its number of bands.

    Raises:
        DownlinkError: see `predict`.
    """
    model = UNet.load(weights)
    if len(model.mean) != bands:
        raise DownlinkError(
            f"{weights}: this segmenter takes {len(model.mean)} bands, but the image has {bands}. "
            "Delete the file and run again."
        )
    return model


def probabilities(model: UNet, image: NDArray[np.uint16]) -> NDArray[np.float32]:
    """Predict probabilities, float32 [tile, y, x], from counts, uint16 [tile, band, y, x]."""
    device = model.mean.device
    with torch.inference_mode():
        batches = [
            model(torch.from_numpy(image[first : first + _BATCH]).to(device))
            .sigmoid()
            .cpu()
            .numpy()
            for first in range(0, len(image), _BATCH)
        ]
    return np.concatenate(batches) if batches else np.zeros((0, *image.shape[2:]), np.float32)
