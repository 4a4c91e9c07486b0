"""Train segmenters."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from workflow_lib.config.segmenters import Segmenter
from workflow_lib.data.pixel_values import IGNORE
from workflow_lib.data.tiles import Tiles
from workflow_lib.segmentation.labelled_crops import Crops, Labelled
from workflow_lib.segmentation.labels import require_both_classes, scored_label
from workflow_lib.segmentation.predict import probabilities
from workflow_lib.segmentation.thresholds import LEVELS, Cut, best_cuts
from workflow_lib.segmentation.unet import UNet
from workflow_lib.training import checkpoints
from workflow_lib.training.loop import TrainingSummary, train


def train_segmenter(
    tiles: Tiles,
    config: Segmenter,
    seed: int,
    run: Path,
    weights: Path,
    device: torch.device | str = "cpu",
) -> TrainingSummary:
    """Train a segmenter on the training tiles; write the weights that validate best.

    The tiles' counts are originals (regime `original`) or reconstructions (`retrained`). The file
    of weights also stores the threshold with the best IoU on the validation tiles.

    Args:
        tiles: tiles of the splits "train" and "validation"; other splits are not used.
        config: network and schedule.
        seed: seed of initial weights, crops and augmentation.
        run: folder of checkpoint and log.
        weights: safetensors file to write.
        device: device of the training.

    Raises:
        DownlinkError: training or validation tiles lack one of the classes, or training diverges.
    """
    require_both_classes(tiles, "train", "validation")
    model = UNet.for_tiles(config, tiles.where("train"), seed).to(device)
    task = SegmentationTask(model, tiles, config)
    summary = train(task, config.training, seed, run, f"{config.canonical()} {tiles.digest()}")
    choose_threshold(model, tiles.where("validation"))
    model.save(weights)
    checkpoints.forget(run)
    return summary


class SegmentationTask:
    """Training task: binary cross-entropy of a U-Net on labelled pixels."""

    model: nn.Module

    def __init__(self, model: UNet, tiles: Tiles, config: Segmenter) -> None:
        self.model = self._unet = model
        self._crops = Crops(tiles.where("train"), config.training.batch, config.training.crop)
        self._validation = tiles.where("validation")

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Put all weights into one group."""
        return [{"params": list(self.model.parameters())}]

    def batch(self, generator: torch.Generator) -> Labelled:
        """Draw crops for one step."""
        return self._crops.draw(generator)

    def training_losses(self, batch: Labelled) -> dict[str, Tensor]:
        """Compute the cross-entropy of a batch."""
        image, label = batch
        return {"loss": masked_cross_entropy(self._unet(image), label)}

    def validation_losses(self) -> dict[str, float]:
        """Return 1 − IoU at the best threshold, because maps are scored by their IoU."""
        return {"loss": 1 - best_cut(self._unet, self._validation).iou}


def best_cut(model: UNet, tiles: Tiles) -> Cut:
    """Find the threshold of ⌊probability · 65536⌋ with the best IoU on the tiles."""
    levels = probability_levels(probabilities(model, tiles.image))
    target = scored_label(tiles)
    return best_cuts(levels[target == 1], levels[target == 0])[0]


def choose_threshold(model: UNet, tiles: Tiles) -> float:
    """Set the model's threshold to the one with the best IoU on the tiles; return that IoU."""
    cut = best_cut(model, tiles)
    model.threshold.fill_((cut.threshold + 1) / LEVELS)
    return cut.iou


def probability_levels(probability: NDArray[np.float32]) -> NDArray[np.int64]:
    """Quantise probabilities to ⌊probability · 65536⌋, at most 65535."""
    levels = (probability * np.float32(LEVELS)).astype(np.int64)
    return np.minimum(levels, LEVELS - 1)


def masked_cross_entropy(logits: Tensor, label: Tensor) -> Tensor:
    """Compute the mean binary cross-entropy of the pixels that are not ignored, in nats.

    The result is 0 if all pixels are ignored.

    Args:
        logits: float32 [tile, y, x].
        label: uint8 [tile, y, x]; 255 is ignored.
    """
    counted = label != IGNORE
    target = torch.where(counted, label, 0).float()
    each = binary_cross_entropy_with_logits(logits, target, reduction="none")
    return (each * counted).sum() / counted.sum().clamp(min=1)
