"""Training of segmenters."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from workflow_lib.config.segmentation import Segmenter
from workflow_lib.data.scenes import IGNORE
from workflow_lib.data.tiles import Tiles
from workflow_lib.segmentation.labels import require_both_classes, scored_label
from workflow_lib.segmentation.model import UNet
from workflow_lib.segmentation.predict import probabilities
from workflow_lib.segmentation.thresholds import LEVELS, Cut, best_cuts
from workflow_lib.training import TrainingSummary, train


def train_segmenter(
    tiles: Tiles, config: Segmenter, seed: int, run: Path, weights: Path
) -> TrainingSummary:
    """Train a segmenter on the training tiles and keep its best weights on the validation tiles.

    The tiles' counts are originals (regime `original`) or reconstructions (`retrained`). The
    threshold of best IoU on the validation tiles goes into the file of weights.

    Args:
        tiles: with splits "train" and "validation"; others are not looked at.
        config: network and schedule.
        seed: seed of initial weights, crops and augmentation.
        run: folder of checkpoint and log.
        weights: safetensors file to write.

    Raises:
        DownlinkError: training or validation tiles lack one of the classes, or training diverges.
    """
    require_both_classes(tiles, "train", "validation")
    model = UNet.for_tiles(config, tiles.where("train"), seed)
    task = SegmentationTask(model, tiles, config)
    summary = train(task, config.training, seed, run, f"{config.canonical()} {tiles.digest()}")
    model.threshold.fill_((task.best_cut().threshold + 1) / LEVELS)
    model.save(weights)
    return summary


class SegmentationTask:
    """Binary cross-entropy of a U-Net on labelled pixels."""

    model: nn.Module

    def __init__(self, model: UNet, tiles: Tiles, config: Segmenter) -> None:
        self.model = self._unet = model
        self._crops = Crops(tiles.where("train"), config.training.batch, config.training.crop)
        self._validation = tiles.where("validation")
        self._target = scored_label(self._validation)

    def parameter_groups(self) -> list[dict[str, Any]]:
        """All weights alike."""
        return [{"params": list(self.model.parameters())}]

    def training_losses(self, generator: torch.Generator) -> dict[str, Tensor]:
        """Cross-entropy of a batch of crops."""
        image, label = self._crops.draw(generator)
        return {"loss": masked_cross_entropy(self._unet(image), label)}

    def validation_losses(self) -> dict[str, float]:
        """One minus the IoU at its best threshold, as that is what the maps are judged by."""
        return {"loss": 1 - self.best_cut().iou}

    def best_cut(self) -> Cut:
        """The threshold of best IoU on the validation tiles, on ⌊probability · 65536⌋."""
        levels = probability_levels(probabilities(self._unet, self._validation.image))
        return best_cuts(levels[self._target == 1], levels[self._target == 0])[0]


def probability_levels(probability: NDArray[np.float32]) -> NDArray[np.int64]:
    """⌊probability · 65536⌋, at most 65535."""
    levels = (probability * np.float32(LEVELS)).astype(np.int64)
    return np.minimum(levels, LEVELS - 1)


def masked_cross_entropy(logits: Tensor, label: Tensor) -> Tensor:
    """Mean binary cross-entropy of the pixels that are not ignored; 0 where all are.

    Args:
        logits: float32 [tile, y, x].
        label: uint8 [tile, y, x]; 255 counts nowhere.
    """
    counted = label != IGNORE
    target = torch.where(counted, label, 0).float()
    each = binary_cross_entropy_with_logits(logits, target, reduction="none")
    return (each * counted).sum() / counted.sum().clamp(min=1)


class Crops:
    """Square crops of labelled tiles, turned and mirrored at random.

    Half of a batch holds at least one positive pixel: a rare class would else go unseen.
    """

    def __init__(self, tiles: Tiles, batch: int, side: int) -> None:
        self._image, self._label = tiles.image, scored_label(tiles)
        self._batch, self._side = batch, side
        self._labelled = np.flatnonzero((self._label != IGNORE).any(axis=(1, 2)))
        self._positive = np.argwhere(self._label == 1)

    def draw(self, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Counts, uint16 [batch, band, y, x], and label, uint8 [batch, y, x]."""
        chances = torch.rand(self._batch, 4, generator=generator, dtype=torch.float64).numpy()
        crops = [self._crop(number, *chance) for number, chance in enumerate(chances)]
        image, label = (np.stack(arrays) for arrays in zip(*crops, strict=True))
        return torch.from_numpy(image), torch.from_numpy(label)

    def _crop(
        self, number: int, which: float, down: float, right: float, turn: float
    ) -> tuple[NDArray[np.uint16], NDArray[np.uint8]]:
        height, width = self._label.shape[1:]
        if number % 2 == 0:
            tile, y, x = self._positive[int(which * len(self._positive))]
            top, left = self._start(down, y, height), self._start(right, x, width)
        else:
            tile = self._labelled[int(which * len(self._labelled))]
            top, left = int(down * self._spare(height)), int(right * self._spare(width))
        rows, cols = slice(top, top + self._side), slice(left, left + self._side)
        symmetry = int(turn * 8)
        return (
            turned(self._image[tile, :, rows, cols], symmetry),
            turned(self._label[tile, rows, cols], symmetry),
        )

    def _spare(self, length: int) -> int:
        return length - self._side + 1

    def _start(self, chance: float, pixel: int, length: int) -> int:
        """A start, uniform among those whose crop holds the pixel."""
        first = max(0, pixel - self._side + 1)
        last = min(pixel, length - self._side)
        return int(first + chance * (last - first + 1))


def turned(array: NDArray[Any], symmetry: int) -> NDArray[Any]:
    """One of the square's eight symmetries, 0 to 7, over the last two axes."""
    quarter = np.rot90(array, symmetry % 4, axes=(-2, -1))
    return quarter[..., ::-1] if symmetry >= 4 else quarter
